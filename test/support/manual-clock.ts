// A clock that stands until the test moves it. It starts at real time, as code under test may mix in a real clock.

export interface ManualClock {
  readonly now: () => number;
  advance(byMs: number): void;
}

export function manualClock(): ManualClock {
  // A whole number, so that sums of steps are exact.
  let nowMs = Math.ceil(performance.now());
  return {
    now: () => nowMs,
    advance: (byMs) => {
      nowMs += byMs;
    },
  };
}
