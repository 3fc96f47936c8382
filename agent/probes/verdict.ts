// What the kinds of probes have in common: whom they dial, how they end. Types only.

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  /** Source address to bind, so that capture leaves the connection alone. */
  readonly localAddress: string | undefined;
}

export interface ProbeVerdict {
  readonly passed: boolean;
  /** For people, one sentence. */
  readonly reason: string;
}
