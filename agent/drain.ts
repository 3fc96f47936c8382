// The order in which an agent's listeners end. How one listener drains is the listener's; what ends after them, and who
// starts it, is the agent's.
//
//   gateway                 all at once: accept for a while, then refuse
//   sidecar, none           inbound, then outbound, each as above: there is no pod whose end could be told
//   sidecar, classic        inbound as above; outbound goes on as before until the application has had no connection
//                           for a while, or says that it has ended: SIGTERM reached it at the same moment
//   application has ended   inbound, then outbound, and nothing that could still come is waited for. That is so for a
//                           native sidecar, whose SIGTERM comes last, and for one whose application said so
import type { AgentConfig } from "./config.ts";
import type { Listener } from "./listener/listener.ts";

export interface DrainedListeners {
  /** What the pod receives: ends first, because its last requests may still have to call out. */
  readonly receiving: readonly Listener[];
  readonly outbound: Listener | null;
}

/**
 * Ends all listeners; resolves to the number of connections that were cut at the time limit. `applicationEnded` is
 * `true` where that is known, else what resolves if it becomes known.
 */
export async function drainListeners(
  { receiving, outbound }: DrainedListeners,
  config: AgentConfig,
  applicationEnded: true | Promise<void>,
): Promise<number> {
  const hasEnded = applicationEnded === true;
  // A socket that the parent owns stays open there: whoever comes now is served by the next agent.
  const acceptMs = hasEnded || config.inheritListeners ? 0 : config.drainAcceptMs;
  const idleMs = hasEnded ? 0 : config.drainIdleMs;
  const deadlineMs = performance.now() + config.drainTimeoutMs;
  const leftMs = (): number => Math.max(0, deadlineMs - performance.now());
  const cut = await Promise.all(receiving.map((listener) => listener.drain(acceptMs, leftMs(), idleMs)));
  if (outbound !== null && config.sidecar === "none") cut.push(await outbound.drain(acceptMs, leftMs(), idleMs));
  if (outbound !== null && config.sidecar !== "none") {
    // Nothing of what the application calls is told to close meanwhile.
    if (!hasEnded) await Promise.race([outbound.quiet(config.drainQuietMs, leftMs()), applicationEnded]);
    cut.push(await outbound.drain(0, leftMs(), 0));
  }
  return cut.reduce((sum, count) => sum + count, 0);
}
