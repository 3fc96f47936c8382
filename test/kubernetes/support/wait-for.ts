// Polling with a deadline: how the cluster tests wait for anything. Nothing sleeps for a guessed time.

const defaultDeadlineMs = 60_000;
const defaultPollMs = 50;

/** Polls until `probe` gives something other than undefined or false. The error names `what`, and the probe's last error. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = defaultDeadlineMs, pollMs = defaultPollMs }: { deadlineMs?: number; pollMs?: number } = {},
): Promise<T> {
  const lateMs = performance.now() + deadlineMs;
  let lastError = "";
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = `; last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > lateMs) throw new Error(`not within ${deadlineMs} ms: ${what}${lastError}`);
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
  }
}
