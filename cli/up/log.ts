// Where everything that `heddle up` has to say goes: one line each, from a named speaker. The terminal and the JSON
// output implement it, tests collect it.

export interface Log {
  /** `speaker` is a pod, an agent, or "heddle". */
  line(speaker: string, text: string): void;
  /** What the user should look at. */
  problem(speaker: string, text: string): void;
  /** What a local process printed; output may leave some out, the file of the pod has all of it. */
  output(speaker: string, text: string): void;
  /** What only the file of the speaker is for: an agent's own log below a warning. */
  detail(speaker: string, text: string): void;
}
