// The work of a Job: calls URL, if there is one, at its first instant and once, works for WORK_MS, and at the end tells
// a classic sidecar at EXIT_URL that it is done. Exit code 1: the call failed.
const url = process.env["URL"] ?? "";
const workMs = Number(process.env["WORK_MS"] ?? "0");
const exitUrl = process.env["EXIT_URL"] ?? "";
let exitCode = 0;

if (url !== "") {
  try {
    const { status } = await fetch(url);
    if (status !== 200) throw new Error(`status ${status}`);
  } catch (error) {
    exitCode = 1;
    console.log(`call failed: ${String(error)} ${String(error instanceof Error ? error.cause : "")}`);
  }
}
await new Promise((resolve) => {
  setTimeout(resolve, workMs);
});
if (exitUrl !== "") await fetch(exitUrl, { method: "POST" });
process.exit(exitCode);
