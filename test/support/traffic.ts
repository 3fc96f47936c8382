// Open-loop mixed HTTP/1.1 traffic against one address: requests leave at a stated rate whether or not earlier ones were
// answered, over kept and fresh connections, with bodies small, large and chunked in pieces; every answer is checked
// against what an EchoOrigin must say. Never retries: whatever a user would see as an error is a failure with a reason.
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { pattern, uploadEcho } from "./echo-origin.ts";
import { until } from "./until.ts";

export interface TrafficOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Where new connections go; asked at every dial, so that clients can be led elsewhere. */
  readonly port: () => number;
  readonly random: () => number;
  readonly onServed?: (served: Served) => void;
}

/** A request that was answered as it should be. */
export interface Served {
  readonly id: string;
  readonly servedBy: string;
  /** The response's x-config header: which configuration it went by. */
  readonly config: string;
}

export interface Failure {
  readonly id: string;
  readonly kind: string;
  readonly reason: string;
  /** The connection had served a request before. */
  readonly reusedConnection: boolean;
  /** Milliseconds of performance.now(). */
  readonly startedMs: number;
  readonly failedMs: number;
}

type Expected = { readonly size: number; readonly sum: number };

interface Shape {
  readonly kind: string;
  readonly share: number;
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly fresh?: boolean;
  /** Least and most bytes of the request's body. */
  readonly upload?: readonly [number, number];
  /** Sent chunked, a piece at a time. */
  readonly pieces?: number;
  /** Least and most bytes of the response's body. */
  readonly download?: readonly [number, number];
  readonly delayMs?: readonly [number, number];
  readonly chunkedAnswer?: boolean;
}

/** The mix, in per cent. */
const shapes: readonly Shape[] = [
  { kind: "get", share: 34, method: "GET", download: [0, 2000] },
  { kind: "get on a fresh connection", share: 12, method: "GET", download: [0, 2000], fresh: true },
  { kind: "large get", share: 2, method: "GET", download: [100_000, 300_000] },
  { kind: "large chunked get", share: 2, method: "GET", download: [100_000, 300_000], chunkedAnswer: true },
  { kind: "slow get", share: 6, method: "GET", download: [0, 100], delayMs: [50, 250] },
  { kind: "head", share: 5, method: "HEAD", download: [0, 2000] },
  { kind: "post", share: 18, method: "POST", upload: [1, 2000] },
  { kind: "post on a fresh connection", share: 6, method: "POST", upload: [1, 2000], fresh: true },
  { kind: "large put", share: 5, method: "PUT", upload: [60_000, 300_000] },
  { kind: "chunked post", share: 10, method: "POST", upload: [1, 20_000], pieces: 4 },
];

const tickMs = 4;
const requestTimeoutMs = 20_000;
const maxPieceGapMs = 30;
/** More under way than this means that nothing is answered any more. */
const maxOutstanding = 4000;

/** Keeps connections, as a client library does, and asks at every dial where to go. */
class DiallingAgent extends Agent {
  readonly #port: () => number;

  constructor(port: () => number) {
    // The connection that rested longest is used next: none rests for long.
    super({ keepAlive: true, maxSockets: 64, maxFreeSockets: 64, scheduling: "fifo" });
    this.#port = port;
  }

  override createConnection(): Socket {
    return connect({ port: this.#port(), host: "127.0.0.1", noDelay: true });
  }
}

export class Traffic {
  readonly failures: Failure[] = [];
  /** Requests that were sent and neither answered nor failed: when they were sent. */
  readonly outstanding = new Map<string, number>();
  served = 0;
  sent = 0;
  slowestMs = 0;
  readonly #options: TrafficOptions;
  readonly #agent: DiallingAgent;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#agent = new DiallingAgent(options.port);
  }

  start(): this {
    const startedMs = performance.now();
    const sentBefore = this.sent;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedMs) * this.#options.rate) / 1000) + sentBefore;
      while (this.sent < due) this.#send();
    }, tickMs);
    return this;
  }

  /** Sends nothing more; resolves when everything that was sent is answered or failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await until(() => this.outstanding.size === 0, requestTimeoutMs + 1000);
    this.#agent.destroy();
  }

  /** Ends everything now. */
  destroy(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  /** Waits until `count` more requests are served. */
  async flow(count: number, deadlineMs = 20_000): Promise<void> {
    const goal = this.served + count;
    await until(() => this.served >= goal, deadlineMs);
  }

  /** One line for a test's log. */
  summary(): string {
    const reasons = new Map<string, number>();
    for (const { reason } of this.failures) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const failed = [...reasons].map(([reason, count]) => `${count} x ${reason}`).join(", ");
    return `${this.served} of ${this.sent} served at ${this.#options.rate}/s, slowest ${Math.round(this.slowestMs)} ms, failed: ${failed || "none"}`;
  }

  #send(): void {
    const { random } = this.#options;
    const shape = pickShape(random() * 100);
    const between = ([least, most]: readonly [number, number]): number => least + Math.floor(random() * (most - least));
    const id = `r${this.sent++}`;
    const startedMs = performance.now();
    this.outstanding.set(id, startedMs);
    const upload = shape.upload === undefined ? null : pattern(id, between(shape.upload));
    const size = shape.download === undefined ? 0 : between(shape.download);
    const answer = upload === null ? pattern(id, size) : uploadEcho(shape.method, id, upload.length, crc32(upload));
    const query = [
      `size=${size}`,
      ...(shape.delayMs === undefined ? [] : [`delay=${between(shape.delayMs)}`]),
      ...(shape.chunkedAnswer === true ? ["chunked=1"] : []),
    ].join("&");
    const sent = request({
      host: "127.0.0.1",
      port: this.#options.port(),
      path: `/echo?${query}`,
      method: shape.method,
      agent: shape.fresh === true ? false : this.#agent,
      timeout: requestTimeoutMs,
      headers: {
        "x-request-id": id,
        ...(upload === null || shape.pieces !== undefined ? {} : { "content-length": upload.length }),
      },
    });
    const end = (reason: string): void => {
      if (!this.outstanding.delete(id)) return;
      const failedMs = performance.now();
      this.slowestMs = Math.max(this.slowestMs, failedMs - startedMs);
      if (reason === "") {
        this.served++;
        return;
      }
      const { kind } = shape;
      this.failures.push({ id, kind, reason, reusedConnection: sent.reusedSocket, startedMs, failedMs });
      sent.destroy();
    };
    sent.on("timeout", () => end("no answer in time"));
    sent.on("error", (error: NodeJS.ErrnoException) => end(`no response: ${error.code ?? ""} ${error.message}`));
    sent.on("response", (response) => {
      const isHead = shape.method === "HEAD";
      this.#check(response, id, { size: isHead ? 0 : answer.length, sum: isHead ? 0 : crc32(answer) }, end);
    });
    if (upload === null) sent.end();
    else if (shape.pieces === undefined) sent.end(upload);
    else sendInPieces(sent, upload, shape.pieces, random);
    if (this.outstanding.size > maxOutstanding) {
      clearInterval(this.#timer);
      throw new Error(`${maxOutstanding} requests wait for an answer`);
    }
  }

  #check(response: IncomingMessage, id: string, expected: Expected, end: (reason: string) => void): void {
    let size = 0;
    let sum = 0;
    response.on("data", (part: Buffer) => {
      size += part.length;
      sum = crc32(part, sum);
    });
    response.on("error", () => end(`cut after ${size} of ${expected.size} bytes`));
    response.on("end", () => {
      const { statusCode, headers } = response;
      if (statusCode !== 200) {
        end(`status ${statusCode} ${String(headers["heddle-reason"] ?? "")}`);
      } else if (size !== expected.size || sum !== expected.sum || headers["x-request-id"] !== id) {
        end("wrong echo");
      } else {
        end("");
        const { "x-served-by": servedBy, "x-config": config } = headers;
        this.#options.onServed?.({ id, servedBy: String(servedBy), config: String(config ?? "") });
      }
    });
  }
}

function pickShape(percent: number): Shape {
  let left = percent;
  for (const shape of shapes) {
    left -= shape.share;
    if (left < 0) return shape;
  }
  throw new RangeError("the shares are 100 together");
}

function sendInPieces(sent: ClientRequest, body: Buffer, pieces: number, random: () => number): void {
  const pieceBytes = Math.ceil(body.length / pieces);
  let offset = 0;
  const next = (): void => {
    if (sent.destroyed) return;
    sent.write(body.subarray(offset, offset + pieceBytes));
    offset += pieceBytes;
    if (offset >= body.length) sent.end();
    else setTimeout(next, random() * maxPieceGapMs);
  };
  next();
}
