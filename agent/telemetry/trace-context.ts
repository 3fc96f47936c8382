// Trace context of one request: what came in (W3C Trace Context, B3 single and multi), the sampling decision, the ids
// of our spans, and the header lines that go out. All of it is decided here, before and without any SDK, so that an
// unsampled request costs no span. Incoming header syntax is trace-headers.ts's, sending spans tracing.ts's.
//
//   came in                             decided
//   valid traceparent                   its trace, its sampled flag; B3 only says which formats to write
//   no valid traceparent, B3 with ids   its trace; its decision, by ratio when it carries none
//   B3 with only a decision             a new trace with that decision
//   nothing                             a new trace, by ratio
import { randomFillSync } from "node:crypto";
import type { MatchableRequest } from "../snapshot/compiled.ts";
import type { B3Format } from "./trace-headers.ts";
import { isTraceState, parseB3Multi, parseB3Single, parseTraceParent } from "./trace-headers.ts";

export interface Trace {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 digits; "" when this agent starts the trace. */
  readonly parentSpanId: string;
  /**
   * 16 digits: the span this agent makes for the request. Unsampled, nothing is made of it, and it is the parent's
   * where there is one: the context is passed on as it came.
   */
  readonly spanId: string;
  readonly sampled: boolean;
  /** B3's debug flag, which is passed on as such. */
  readonly debug: boolean;
  /** The parent's random-trace-id flag (Trace Context level 2), passed on while the trace id is. */
  readonly randomFlag: boolean;
  /** As it came, "" when there was none or it was malformed. */
  readonly traceState: string;
  /** Which B3 headers came in, and so go out. */
  readonly b3: B3Format;
  /** B3 came with a 64-bit trace id and goes out with one. */
  readonly shortTraceId: boolean;
}

export interface TraceDeciderOptions {
  /** Share of traces without a parent's decision to sample, 0 to 1. */
  readonly ratio: number;
  /** Fills a buffer with random bytes. Default: the operating system's. */
  readonly random?: (bytes: Buffer) => void;
}

/** Names to remove from a forwarded head before traceHeaders() is appended to it. Lower case. */
export const traceHeaderNames: readonly string[] = [
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
];

// Ids are slices of the pool's hexadecimal text and keep it alive, so the pool is small.
const poolBytes = 1024;
const traceIdBytes = 16;
const spanIdBytes = 8;

export class TraceDecider {
  readonly #threshold: number;
  readonly #random: (bytes: Buffer) => void;
  readonly #pool = Buffer.alloc(poolBytes);
  #poolHex = "";
  #offset = poolBytes;

  /** Throws a RangeError unless the ratio is from 0 to 1. */
  constructor(options: TraceDeciderOptions) {
    if (!(options.ratio >= 0 && options.ratio <= 1)) {
      throw new RangeError(`sampling ratio must be from 0 to 1, not ${options.ratio}`);
    }
    this.#threshold = options.ratio * 2 ** 32;
    this.#random = options.random ?? randomFillSync;
  }

  /** Reads the request's context and decides. Never throws: what is malformed counts as not sent. */
  decide(request: Pick<MatchableRequest, "header">): Trace {
    const traceParent = request.header("traceparent");
    const b3Single = request.header("b3");
    const b3TraceId = request.header("x-b3-traceid");
    const b3Sampled = request.header("x-b3-sampled");
    if (traceParent === undefined && b3Single === undefined && b3TraceId === undefined && b3Sampled === undefined) {
      return this.#root("none", undefined, false);
    }
    const hasMulti = b3TraceId !== undefined || b3Sampled !== undefined;
    const b3 = b3Format(b3Single !== undefined, hasMulti);
    const parent = traceParent === undefined ? null : parseTraceParent(traceParent);
    if (parent !== null) {
      const traceState = request.header("tracestate") ?? "";
      return this.#child({
        traceId: parent.traceId,
        parentSpanId: parent.spanId,
        sampled: parent.sampled,
        debug: false,
        randomFlag: parent.randomFlag,
        traceState: traceState !== "" && isTraceState(traceState) ? traceState : "",
        b3,
        shortTraceId: false,
      });
    }
    const context =
      (b3Single === undefined ? null : parseB3Single(b3Single)) ??
      (hasMulti
        ? parseB3Multi(b3TraceId, request.header("x-b3-spanid"), b3Sampled, request.header("x-b3-flags"))
        : null);
    if (context === null || context.traceId === "") {
      return this.#root(b3, context?.sampled, context?.debug ?? false);
    }
    return this.#child({
      traceId: context.traceId,
      parentSpanId: context.spanId,
      sampled: context.sampled ?? Number.parseInt(context.traceId.slice(24), 16) < this.#threshold,
      debug: context.debug,
      randomFlag: false,
      traceState: "",
      b3,
      shortTraceId: context.shortTraceId,
    });
  }

  /** The id of a further span of the trace: an attempt's below a gateway's, a mirror's. Unsampled: no new one. */
  childSpanId(trace: Trace): string {
    return trace.sampled ? this.#newSpanId() : trace.spanId;
  }

  #root(b3: B3Format, sampled: boolean | undefined, debug: boolean): Trace {
    const start = this.#take(traceIdBytes + spanIdBytes);
    const middle = start + traceIdBytes;
    return {
      traceId: this.#poolHex.slice(start * 2, middle * 2),
      parentSpanId: "",
      spanId: this.#poolHex.slice(middle * 2, (middle + spanIdBytes) * 2),
      // By the trace id's own low bits, so that every agent that has to decide on this trace decides alike.
      sampled: sampled ?? this.#pool.readUInt32BE(middle - 4) < this.#threshold,
      debug,
      randomFlag: false,
      traceState: "",
      b3,
      shortTraceId: false,
    };
  }

  #child(trace: Omit<Trace, "spanId">): Trace {
    return {
      traceId: trace.traceId,
      parentSpanId: trace.parentSpanId,
      spanId: trace.sampled ? this.#newSpanId() : trace.parentSpanId,
      sampled: trace.sampled,
      debug: trace.debug,
      randomFlag: trace.randomFlag,
      traceState: trace.traceState,
      b3: trace.b3,
      shortTraceId: trace.shortTraceId,
    };
  }

  #newSpanId(): string {
    const start = this.#take(spanIdBytes);
    return this.#poolHex.slice(start * 2, (start + spanIdBytes) * 2);
  }

  /** Start of `count` unused random bytes of the pool. */
  #take(count: number): number {
    if (this.#offset + count > poolBytes) {
      this.#random(this.#pool);
      this.#poolHex = this.#pool.toString("hex");
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset = start + count;
    return start;
  }
}

/**
 * The header lines of an outgoing head, each ended by CRLF: always traceparent, tracestate when there is one, and B3 in
 * the formats that came in. `spanId` is the span that the receiver's spans shall have as parent.
 */
export function traceHeaders(trace: Trace, spanId: string = trace.spanId): string {
  const flags = trace.randomFlag ? (trace.sampled ? "03" : "02") : trace.sampled ? "01" : "00";
  const text = `traceparent: 00-${trace.traceId}-${spanId}-${flags}\r\n`;
  if (trace.traceState === "" && trace.b3 === "none") {
    return text;
  }
  return text + (trace.traceState === "" ? "" : `tracestate: ${trace.traceState}\r\n`) + b3Headers(trace, spanId);
}

function b3Headers(trace: Trace, spanId: string): string {
  const traceId = trace.shortTraceId ? trace.traceId.slice(16) : trace.traceId;
  const sampled = trace.sampled ? "1" : "0";
  let text = "";
  if (trace.b3 === "single" || trace.b3 === "both") {
    text = `b3: ${traceId}-${spanId}-${trace.debug ? "d" : sampled}\r\n`;
  }
  if (trace.b3 === "multi" || trace.b3 === "both") {
    text += `X-B3-TraceId: ${traceId}\r\nX-B3-SpanId: ${spanId}\r\n`;
    // Debug implies sampled, and B3 says not to send both.
    text += trace.debug ? "X-B3-Flags: 1\r\n" : `X-B3-Sampled: ${sampled}\r\n`;
  }
  return text;
}

function b3Format(single: boolean, multi: boolean): B3Format {
  if (single) {
    return multi ? "both" : "single";
  }
  return multi ? "multi" : "none";
}
