// A pod that waits for programs to be run in it.
process.on("SIGTERM", () => process.exit(0));
setInterval(() => {}, 1 << 30);
