// What programs of a pod share: their one argument, waiting, the address behind a name, and how servers end.
import { lookup } from "node:dns/promises";

/** The program's argument. */
export function input(): unknown {
  return JSON.parse(process.argv[2] ?? "null");
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** The address of a host, so that a program asks DNS once and not for each connection. */
export async function addressOf(host: string): Promise<string> {
  return (await lookup(host, { family: 4 })).address;
}

/** Ends with the signal as a server that has nothing to finish. */
export function endAtSignal(): void {
  process.on("SIGTERM", () => process.exit(0));
}
