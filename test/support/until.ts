// Waiting in tests without sleeping: asks until the answer is yes, and fails when it takes too long.

/** Resolves once `holds` returns true; rejects after `deadlineMs` with its text. */
export async function until(holds: () => boolean, deadlineMs = 10_000): Promise<void> {
  const startedMs = performance.now();
  while (!holds()) {
    if (performance.now() - startedMs > deadlineMs) {
      throw new Error(`not within ${deadlineMs} ms: ${holds.toString()}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
