// The program that a classic sidecar runs after its start: how long it waits, and with what it ends.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { Program } from "../support/process.ts";

async function server(t: ExecutionContext, statusOf: (count: number) => number): Promise<string> {
  let count = 0;
  const http = createServer((_request, response) => {
    response.statusCode = statusOf(count++);
    response.end();
  });
  await new Promise<void>((resolve) => {
    http.listen(0, "127.0.0.1", resolve);
  });
  t.teardown(() => http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/readyz`;
}

const run = (url: string, deadlineMs: number): Program =>
  new Program("agent/wait.ts", { HEDDLE_WAIT_URL: url, HEDDLE_WAIT_DEADLINE_MS: String(deadlineMs) });

test("2 wait ends once the agent is ready", async (t) => {
  let asked = 0;
  const url = await server(t, (count) => {
    asked = count + 1;
    return count < 3 ? 503 : 200;
  });
  t.is((await run(url, 30_000).exited).code, 0);
  t.is(asked, 4);
});

test("wait gives up at its deadline, and says what was answered last", async (t) => {
  const program = run(await server(t, () => 503), 300);
  t.is((await program.exited).code, 1);
  t.regex(program.output, /the agent is not ready after 300 ms: status 503/);
  const nobody = run("http://127.0.0.1:1/readyz", 300);
  t.is((await nobody.exited).code, 1);
  t.regex(nobody.output, /ECONNREFUSED/);
});
