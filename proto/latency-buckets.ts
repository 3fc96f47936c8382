// Upper bounds of the latency histogram, the same in the agent's metrics, in stats reports and in every table
// made from them. Half a millisecond is the floor so that the cost of the mesh itself stays visible.

/** Upper bounds in seconds, ascending; a last bucket for everything above them is implied. */
export const latencyBucketsSeconds: readonly number[] = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
