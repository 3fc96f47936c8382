// One agent as a child process: started, kept running, told its listening sockets, stopped. What the agent is for is in
// its environment, which the caller makes. The child notices the end of the IPC channel when this program is gone.
//
//   state    | entered when               | leaves to
//   starting | created; backoff is over   | ready: {type: "ready"}; waiting: exited
//   ready    | {type: "ready"} arrived    | waiting: exited
//   waiting  | exited by itself           | starting
//   stopping | stop() in any state        | stopped: exited
import { fork, type ChildProcess } from "node:child_process";
import type { Server } from "node:net";
import { agentNodeArguments } from "../../../agent/node-options.ts";
import { Backoff } from "../backoff.ts";
import type { Log } from "../log.ts";
import type { Guardian } from "../workload/guardian.ts";
import { forEachLine, signalGroup } from "../workload/process-group.ts";

/** The ports that an agent reports as bound; 0 for a listener it does not have. */
export interface AgentPorts {
  readonly inbound: number;
  readonly outbound: number;
  readonly admin: number;
}

export type AgentState = "starting" | "ready" | "waiting" | "stopping" | "stopped";

export interface AgentProcessOptions {
  /** For logs: "gateway task-api/task-api-gateway" or "sidecar task-api/POD". */
  readonly name: string;
  /** Path of the agent's program. */
  readonly program: string;
  /** `ports` are those of the run before, null the first time: a sidecar keeps its ports over a restart. */
  readonly environment: (ports: AgentPorts | null) => Readonly<Record<string, string>>;
  readonly guardian: Guardian;
  readonly log: Log;
}

const noPorts: AgentPorts = { inbound: 0, outbound: 0, admin: 0 };

export class AgentProcess {
  readonly #options: AgentProcessOptions;
  readonly #backoff = new Backoff();
  /** By the Gateway's listener port. */
  readonly #listeners = new Map<number, Server>();
  /** Of `#listeners`, those that the present child accepts on. */
  readonly #accepting = new Set<number>();
  readonly #ready = Promise.withResolvers<AgentPorts>();
  readonly #gone = Promise.withResolvers<void>();
  #child: ChildProcess | null = null;
  #ports: AgentPorts | null = null;
  #state: AgentState = "starting";
  #timer: NodeJS.Timeout | undefined;
  #restarts = 0;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => {});
    this.#start();
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): AgentState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether the agent is ready and accepts on every socket it was given. */
  get isAccepting(): boolean {
    return this.#state === "ready" && [...this.#listeners.keys()].every((port) => this.#accepting.has(port));
  }

  /** Of the present or the last run; all 0 before the first is ready. */
  get ports(): AgentPorts {
    return this.#ports ?? noPorts;
  }

  /** The ports, once the first run is ready. Rejects when the agent is stopped before that. */
  whenReady(): Promise<AgentPorts> {
    return this.#ready.promise;
  }

  /** Gives the agent a socket to accept on: when it is ready, and again after every restart. */
  addListener(listenerPort: number, server: Server): void {
    this.#listeners.set(listenerPort, server);
    if (this.#child !== null && this.#state === "ready") {
      this.#send(this.#child, listenerPort, server);
    }
  }

  /** SIGTERM, on which an agent drains; SIGKILL after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === "stopped" || this.#state === "stopping") {
      return this.#gone.promise;
    }
    this.#state = "stopping";
    clearTimeout(this.#timer);
    this.#ready.reject(new Error(`${this.name} was stopped`));
    const child = this.#child;
    if (child?.pid === undefined) {
      this.#finish();
      return;
    }
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await this.#gone.promise;
    clearTimeout(timer);
  }

  #start(): void {
    const { name, program, environment, guardian, log } = this.#options;
    const startedAtMs = Date.now();
    const child = fork(program, [], {
      env: environment(this.#ports),
      execArgv: ["--disable-warning=ExperimentalWarning", ...agentNodeArguments],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Its own group: Ctrl-C must reach this program only, which then stops agents in order.
      detached: true,
    });
    this.#child = child;
    this.#accepting.clear();
    this.#state = "starting";
    const group = child.pid;
    if (group !== undefined) {
      guardian.watch(group);
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) {
        forEachLine(stream, (line) => this.#logLine(line));
      }
    }
    child.on("message", (message) => this.#receive(child, message));
    child.on("error", (error) => log.problem(name, error.message));
    let ended = false;
    const onEnd = (reason: string): void => {
      if (ended) {
        return;
      }
      ended = true;
      if (group !== undefined) {
        signalGroup(group, "SIGKILL");
        guardian.forget(group);
      }
      this.#child = null;
      if (this.#state === "stopping") {
        this.#finish();
      } else {
        this.#wait(reason, Date.now() - startedAtMs);
      }
    };
    child.once("exit", (code, signal) => onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
    if (child.pid === undefined) {
      child.once("error", (error) => onEnd(error.message));
    }
  }

  #send(child: ChildProcess, port: number, server: Server): void {
    child.send({ type: "listener", port }, server, (error) => {
      // An agent that died in between says so by its exit.
      if (error !== null && child.connected) {
        this.#options.log.problem(this.name, `listener ${port} could not be handed over: ${error.message}`);
      }
    });
  }

  #receive(child: ChildProcess, message: unknown): void {
    if (child !== this.#child) {
      return;
    }
    const listening = listeningPort(message);
    if (listening !== null) {
      this.#accepting.add(listening);
    }
    const ports = readyPorts(message);
    if (ports === null || this.#state !== "starting") {
      return;
    }
    this.#ports = ports;
    this.#state = "ready";
    for (const [port, server] of this.#listeners) {
      this.#send(child, port, server);
    }
    this.#ready.resolve(ports);
  }

  #wait(reason: string, ranForMs: number): void {
    const delayMs = this.#backoff.delayAfterRunMs(ranForMs);
    this.#options.log.problem(this.name, `exited (${reason}), starting again in ${delayMs} ms`);
    this.#restarts++;
    this.#state = "waiting";
    this.#timer = setTimeout(() => this.#start(), delayMs);
  }

  #finish(): void {
    this.#state = "stopped";
    this.#gone.resolve();
  }

  /** Agents log JSON: warnings and worse are for the user, and so is what is no JSON, such as a stack. */
  #logLine(line: string): void {
    const { log, name } = this.#options;
    log.detail(name, line);
    const entry = parseLogLine(line);
    if (entry === null || entry.level >= 40) {
      log.problem(name, entry?.text ?? line);
    }
  }
}

/** {type: "listening", port}: the agent accepts on the socket of this listener port. */
function listeningPort(message: unknown): number | null {
  const isListening =
    typeof message === "object" && message !== null && "type" in message && message.type === "listening";
  return isListening && "port" in message && typeof message.port === "number" ? message.port : null;
}

function readyPorts(message: unknown): AgentPorts | null {
  if (typeof message !== "object" || message === null || !("type" in message) || message.type !== "ready") {
    return null;
  }
  const ports: unknown = "ports" in message ? message.ports : {};
  const port = (name: keyof AgentPorts): number => {
    const value = typeof ports === "object" && ports !== null ? (ports as Record<string, unknown>)[name] : 0;
    return typeof value === "number" ? value : 0;
  };
  return { inbound: port("inbound"), outbound: port("outbound"), admin: port("admin") };
}

function parseLogLine(line: string): { readonly level: number; readonly text: string } | null {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("level" in entry) || typeof entry.level !== "number") {
      return null;
    }
    const { msg, err } = entry as { msg?: unknown; err?: { message?: unknown } };
    const cause = typeof err?.message === "string" ? `: ${err.message}` : "";
    return { level: entry.level, text: `${typeof msg === "string" ? msg : line}${cause}` };
  } catch {
    return null;
  }
}
