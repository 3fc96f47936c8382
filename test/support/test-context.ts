// What helpers need of a running test: to be told when it ends.
export interface Test {
  teardown(fn: () => void | Promise<void>): void;
}
