// Time as the discovery client sees it: injected, so that tests decide when it passes.

export interface Clock {
  /** Milliseconds that only ever grow; the zero is arbitrary. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels that. */
  schedule(delayMs: number, run: () => void): () => void;
}

/** The process's own time. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
