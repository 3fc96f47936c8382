// The control plane as a process: environment in, one control plane running until it is told to end, exit code out.
// Signals are main.ts's, which loads this.
// 0: ended in order. 1: failed. 2: wrong configuration, printed with the right one.
import { type Logger as PinoLogger, pino } from "pino";
import type { ClusterControlPlane } from "./cluster-control-plane.ts";
import { type ControlPlaneConfig, describeConfig, readConfig } from "./config.ts";
import { ControlPlane } from "./control-plane.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { FolderSource } from "./source/folder-source.ts";
import { FileSink } from "./status/file-sink.ts";

/** After a signal, the longest that an orderly end may take. */
const closeTimeoutMs = 10_000;

/** Starts the control plane. `onProgram` is given what ends it, as soon as there is something to end. */
export async function run(onProgram: (end: (signal: NodeJS.Signals) => void) => void): Promise<void> {
  limitHeapGrowth();
  const read = readConfig(process.env);
  if (!read.ok) {
    process.stderr.write(`${read.errors.join("\n")}\n\n${describeConfig()}\n`);
    process.exitCode = 2;
    return;
  }
  const { config } = read;
  const logger = await makeLogger(config);
  for (const warning of read.warnings) logger.warn({}, warning);
  const program = await compose(config, logger);
  const controlPlane = program instanceof ControlPlane ? program : program.controlPlane;
  // Every replica starts with all of them: a few lines for each Gateway and route that say nothing new.
  controlPlane.onStatus((changes, isFirst) => {
    for (const change of changes) logger[isFirst ? "debug" : "info"](change, "status");
  });

  let isEnding = false;
  onProgram((signal) => {
    // A second signal does not wait.
    if (isEnding) process.exit(1);
    isEnding = true;
    logger.info({ signal }, "control plane ending");
    setTimeout(() => {
      logger.error({}, "did not end in time");
      process.exit(1);
    }, closeTimeoutMs).unref();
    program.close().then(
      () => logger.info({}, "control plane ended"),
      (error: unknown) => {
        logger.error({ error: String(error) }, "control plane did not end in order");
        process.exitCode = 1;
      },
    );
  });

  try {
    const ports = await program.start();
    if (!isEnding) logger.info({ ...ports, source: config.source }, "control plane listening");
  } catch (error) {
    if (isEnding) return;
    logger.fatal({ error: error instanceof Error ? error.message : String(error) }, "control plane could not start");
    process.exitCode = 1;
  }
}

/** What only a cluster needs is loaded only for one. */
async function compose(config: ControlPlaneConfig, logger: PinoLogger): Promise<ControlPlane | ClusterControlPlane> {
  const { source, controllerName, discovery, admin, health, statusFolder } = config;
  if (source.kind === "kubernetes") {
    const cluster = await import("./cluster-control-plane.ts");
    const { loadKubeConfig } = await import("./kubernetes/client.ts");
    return new cluster.ClusterControlPlane(config, loadKubeConfig(process.env), logger);
  }
  return new ControlPlane({
    source: new FolderSource({ folder: source.folder, defaultNamespace: config.defaultNamespace }),
    controllerName,
    discovery,
    admin,
    health,
    statusSinks: statusFolder === null ? [] : [new FileSink({ folder: statusFolder, logger })],
    logger,
  });
}

async function makeLogger({ logLevel, logFormat }: ControlPlaneConfig): Promise<PinoLogger> {
  const options = { level: logLevel, base: { component: "control-plane" }, timestamp: pino.stdTimeFunctions.isoTime };
  if (logFormat === "json") return pino(options, pino.destination({ dest: 1, sync: true }));
  const { default: pretty } = await import("pino-pretty");
  return pino(options, pretty({ sync: true, colorize: process.stdout.isTTY }));
}
