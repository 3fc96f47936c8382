// The agent's entry: signals, before anything else is loaded. The kernel drops a signal that process 1 of a container has
// no handler for, and a pod that was deleted while its agent loaded would wait for the end of its grace.
// The program itself is program.ts.

/** Until there is something to drain. */
let stop = (_reason: string): void => process.exit(0);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop(signal));

const program = await import("./program.ts");
stop = program.stop;
await program.start();
