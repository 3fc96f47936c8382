// The agent's program: environment -> validated settings -> agent -> ready -> stop -> drain -> exit. The only place that
// reads the environment, talks to a parent process and exits; signals are main.ts's, which loads this.
// Exit codes: 0 drained, 1 failed, 2 wrong settings.
import { readFileSync } from "node:fs";
import net from "node:net";
import { pino } from "pino";
import { Agent } from "./agent.ts";
import { describeAgentConfig, parseAgentConfig } from "./config.ts";

const parsed = parseAgentConfig(process.env);
if ("errors" in parsed) {
  for (const error of parsed.errors) process.stderr.write(`heddle agent: ${error}\n`);
  process.stderr.write(`\n${describeAgentConfig()}\n`);
  process.exit(2);
}
const { config } = parsed;
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const logger = pino({
  level: config.logLevel,
  timestamp: pino.stdTimeFunctions.isoTime,
  base: { component: "agent", pod: `${config.namespace}/${config.pod}` },
  ...(config.logFormat === "pretty" ? { transport: { target: "pino-pretty" } } : {}),
});

const agent = new Agent({
  config,
  version,
  logger,
  onListening: (port, boundPort) => process.send?.({ type: "listening", port, boundPort }),
});

/** Drains, then exits. */
export const stop = (reason: string): void => {
  logger.info({ reason }, "stopping");
  agent.drain().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error({ error: String(error) }, "could not drain");
      process.exit(1);
    },
  );
};

if (process.send !== undefined) {
  process.on("message", (message: { readonly type?: string; readonly port?: number }, handle: unknown) => {
    if (message.type === "listener" && message.port !== undefined && handle instanceof net.Server) {
      agent.inheritListener(message.port, handle);
    }
  });
  // The parent is gone, however it went: nobody would end this process.
  process.once("disconnect", () => stop("parent gone"));
}

/** Resolves when the agent has started; exits when it cannot. */
export async function start(): Promise<void> {
  try {
    const ports = await agent.start();
    logger.info({ ...ports, mode: config.mode }, "started");
    process.send?.({ type: "ready", ports });
  } catch (error) {
    logger.error({ error: error instanceof Error ? error.message : String(error) }, "cannot start");
    process.exit(1);
  }
}
