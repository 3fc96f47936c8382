// Randomness is injected, so that tests repeat: Math.random in a running agent, a seeded generator in tests.

/** A number in [0, 1). */
export type Random = () => number;
