// One finished span as plain data: what the data path hands over at the end of a request. Made by spans.ts from the
// request, turned into an SDK span by tracing.ts.

export type SpanAttributes = Record<string, string | number | boolean>;

export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root. */
  readonly parentSpanId: string;
  /** Whether the parent belongs to another process. */
  readonly parentIsRemote: boolean;
  /** "" when there is none. */
  readonly traceState: string;
  readonly kind: "server" | "client";
  readonly name: string;
  /** Epoch milliseconds with a fraction. */
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  readonly attributes: SpanAttributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** Null when all went well; else the status description, "" when http.response.status_code says it all. */
  readonly error: string | null;
}

export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: SpanAttributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** Takes finished spans. Never throws, never waits: what cannot be kept is counted. */
export interface SpanSink {
  record(span: SpanRecord): void;
}
