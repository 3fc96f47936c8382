// Asks the application what the kubelet would have asked, once for each time the kubelet asks the agent. Owns the bound
// on how many are under way and the time limit; how each kind is judged is its own file's. What is dialled is dialled from
// the address that capture leaves alone, so that no probe becomes traffic.
import type { AppProbe, AppProbes } from "../../proto/app-probes.ts";
import { probeGrpc } from "./grpc-probe.ts";
import { probeHttp } from "./http-probe.ts";
import { probeTcp } from "./tcp-probe.ts";
import type { ProbeTarget, ProbeVerdict } from "./verdict.ts";

export interface ApplicationProberOptions {
  readonly probes: AppProbes;
  /** Whom to dial where a probe names no host. */
  readonly podAddress: string;
  /** Source address of dials to the pod itself. */
  readonly localAddress: string | undefined;
}

/** A pod has few probes; whoever asks more than this at a time is not its kubelet. */
const maxActive = 16;

export class ApplicationProber {
  readonly #options: ApplicationProberOptions;
  #active = 0;

  constructor(options: ApplicationProberOptions) {
    this.#options = options;
  }

  /** Asks the application; null where no probe has this path. Never rejects. `userAgent` is whose who asked. */
  async probe(path: string, userAgent: string): Promise<ProbeVerdict | null> {
    const { probes } = this.#options;
    const probe = Object.hasOwn(probes, path) ? probes[path] : undefined;
    if (probe === undefined) return null;
    if (this.#active >= maxActive) return { passed: false, reason: `${maxActive} probes are under way already` };
    this.#active++;
    const abort = new AbortController();
    const late = setTimeout(() => abort.abort(), probe.timeoutSeconds * 1000);
    try {
      return await this.#ask(probe, userAgent, abort.signal);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { passed: false, reason: abort.signal.aborted ? `no answer within ${probe.timeoutSeconds} s` : message };
    } finally {
      clearTimeout(late);
      // What is still open of it is of no use any more.
      abort.abort();
      this.#active--;
    }
  }

  #ask(probe: AppProbe, userAgent: string, signal: AbortSignal): Promise<ProbeVerdict> {
    if ("httpGet" in probe) return probeHttp(probe.httpGet, this.#target(probe.httpGet), userAgent, signal);
    if ("tcpSocket" in probe) return probeTcp(this.#target(probe.tcpSocket), signal);
    return probeGrpc(probe.grpc.service, this.#target(probe.grpc), userAgent, signal);
  }

  #target({ host, port }: { readonly host?: string; readonly port: number }): ProbeTarget {
    const { podAddress, localAddress } = this.#options;
    const own = host === undefined || host === "" || host === podAddress;
    return own ? { host: podAddress, port, localAddress } : { host, port, localAddress: undefined };
  }
}
