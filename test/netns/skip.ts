// Tests that need a kernel to themselves say why they cannot have it, and pass.
import { missing } from "./pod.ts";

const reason = missing();

/** Whether the test has to end here; it has been told why. */
export function skipped(t: { log(text: string): void; pass(): void }): boolean {
  if (reason === "") return false;
  t.log(`skipped: ${reason}`);
  t.pass();
  return true;
}
