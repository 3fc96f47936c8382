// The control plane's entry: signals, before anything else is loaded. The kernel drops a signal that process 1 of a
// container has no handler for, and a replica that was deleted while it loaded would wait for the end of its grace.
// The program itself is program.ts.

/** Until there is something to close. */
let stop = (_signal: NodeJS.Signals): void => process.exit(0);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));

const program = await import("./program.ts");
await program.run((end) => {
  stop = end;
});
