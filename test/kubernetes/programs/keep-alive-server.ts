// A Node server as it comes, which closes connections that were idle for five seconds: on one port it says so in its
// answers, on the other it does not. No grace on top, so that the end comes when the name says.
import { createServer } from "node:http";
import { endAtSignal, input } from "./input.ts";

const { telling, silent } = input() as { readonly telling: number; readonly silent: number };

for (const port of [telling, silent]) {
  const server = createServer((request, response) => {
    // With a Connection header of its own an answer of Node has no Keep-Alive.
    if (port === silent) response.setHeader("Connection", "keep-alive");
    request.resume().on("end", () => response.end("fine"));
  });
  server.keepAliveTimeout = 5000;
  server.keepAliveTimeoutBuffer = 0;
  server.listen(port);
}
endAtSignal();
