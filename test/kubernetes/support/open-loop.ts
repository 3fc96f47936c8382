// Open-loop HTTP/1.1 load: requests leave at a stated rate whether or not earlier ones were answered, and nothing is
// retried, so that what a user would see as an error is one. Imports nothing of the project: as a program in a pod (see
// load-pod.ts) it reads its options from LOAD, ends after `seconds` or at SIGTERM, and prints one line of JSON.
import { Agent, request } from "node:http";

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Requests per second. */
  readonly rate: number;
  /** A connection for each request instead of kept ones. */
  readonly fresh?: boolean;
  readonly timeoutMs?: number;
}

export interface Outcome {
  /** Milliseconds of performance.now(). */
  readonly sentMs: number;
  readonly tookMs: number;
  /** 0: no whole answer came. */
  readonly status: number;
  /** Why there was no whole answer. */
  readonly error: string;
  /** The body's beginning. */
  readonly text: string;
}

export interface LoadSummary {
  readonly sent: number;
  /** How often each status, or error, came; with a 5xx its body, so that it says whose it is. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How often each body came with a 200, its beginning only; at most 100 different ones. */
  readonly texts: Readonly<Record<string, number>>;
  /** When each of these bodies came last, milliseconds since 1970. */
  readonly lastMs: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

const tickMs = 4;
const defaultTimeoutMs = 20_000;
const keptTextCharacters = 200;
const maxTexts = 100;
const maxOutstanding = 5000;
const maxKeptSockets = 64;

export class OpenLoop {
  readonly #options: LoadOptions;
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #agent: Agent;
  readonly #outcomes: Record<string, number> = {};
  readonly #texts: Record<string, number> = {};
  readonly #lastMs: Record<string, number> = {};
  readonly #durationsMs: number[] = [];
  #sent = 0;
  #outstanding = 0;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;

  constructor(options: LoadOptions, onOutcome: (outcome: Outcome) => void = () => {}) {
    this.#options = options;
    this.#onOutcome = onOutcome;
    this.#agent = new Agent({ keepAlive: options.fresh !== true, maxFreeSockets: maxKeptSockets });
  }

  /** Requests with a whole answer, whatever it was. */
  get answered(): number {
    return this.#durationsMs.length;
  }

  start(): this {
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedMs) * this.#options.rate) / 1000);
      while (this.#sent < due) this.#send();
    }, tickMs);
    // A test that failed before it stopped its load must end all the same.
    this.#timer.unref();
    return this;
  }

  /** Sends nothing more; resolves when all that was sent is answered or failed. */
  async stop(): Promise<LoadSummary> {
    clearInterval(this.#timer);
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#agent.destroy();
    const sorted = this.#durationsMs.toSorted((one, other) => one - other);
    const quantile = (share: number): number =>
      Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
    return {
      sent: this.#sent,
      outcomes: this.#outcomes,
      texts: this.#texts,
      lastMs: this.#lastMs,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      slowestMs: quantile(1),
    };
  }

  #send(): void {
    const { host, port, path, method = "GET", headers = {}, body = "", timeoutMs = defaultTimeoutMs } = this.#options;
    this.#sent++;
    this.#outstanding++;
    if (this.#outstanding > maxOutstanding) {
      clearInterval(this.#timer);
      throw new Error(`${maxOutstanding} requests wait for an answer`);
    }
    const sentMs = performance.now();
    let settled = false;
    const settle = (status: number, error: string, text: string): void => {
      if (settled) return;
      settled = true;
      this.#outstanding--;
      const outcome = { sentMs, tookMs: performance.now() - sentMs, status, error, text };
      this.#count(outcome);
      this.#onOutcome(outcome);
      if (this.#outstanding === 0) this.#idle?.();
    };
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request({
      host,
      port,
      path,
      method,
      agent: this.#agent,
      timeout: timeoutMs,
      headers: { ...length, ...headers },
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error: NodeJS.ErrnoException) => settle(0, error.code ?? error.message, ""));
    outgoing.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        if (text.length < keptTextCharacters) text += part;
      });
      response.on("error", () => settle(0, "cut short", text));
      response.on("end", () => settle(response.statusCode ?? 0, "", text.slice(0, keptTextCharacters).trim()));
    });
    outgoing.end(body);
  }

  #count({ status, error, text, tookMs }: Outcome): void {
    const name = status === 0 ? error : status < 500 ? String(status) : `${status} ${text}`;
    this.#outcomes[name] = (this.#outcomes[name] ?? 0) + 1;
    if (status !== 0) this.#durationsMs.push(tookMs);
    if (status === 200) {
      const known = text in this.#texts || Object.keys(this.#texts).length < maxTexts;
      const key = known ? text : "(others)";
      this.#texts[key] = (this.#texts[key] ?? 0) + 1;
      this.#lastMs[key] = Date.now();
    }
  }
}

/** The pod's program. */
async function main(): Promise<void> {
  const { seconds, ...options } = JSON.parse(process.env["LOAD"] ?? "{}") as LoadOptions & { seconds: number };
  const load = new OpenLoop(options).start();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    process.once("SIGTERM", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  console.log(JSON.stringify(await load.stop()));
}

if (import.meta.main) await main();
