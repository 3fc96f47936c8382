// An application with last things to do: at SIGTERM it makes CALLS calls of URL, one a second, in turn over a connection
// it kept and over a new one, prints what came of each as a line of JSON, and ends.
import { Agent, get } from "node:http";

const url = process.env["URL"] ?? "";
const calls = Number(process.env["CALLS"] ?? "0");
const kept = new Agent({ keepAlive: true, maxSockets: 1 });

function call(isKept: boolean): Promise<object> {
  return new Promise((resolve) => {
    const request = get(url, { agent: isKept ? kept : false }, (response) => {
      response.resume();
      response.on("error", (error) => resolve({ isKept, error: String(error) }));
      response.on("end", () => {
        resolve({ isKept, reused: request.reusedSocket, status: response.statusCode, headers: response.headers });
      });
    });
    request.on("error", (error) => resolve({ isKept, error: String(error) }));
  });
}

async function end(): Promise<void> {
  for (let index = 0; index < calls; index++) {
    await new Promise((resolve) => {
      setTimeout(resolve, 1000);
    });
    console.log(JSON.stringify(await call(index % 2 === 0)));
  }
  process.exit(0);
}

// A listener keeps it running; the first call opens the connection that is kept.
process.once("SIGTERM", () => void end());
console.log(JSON.stringify(await call(true)));
setInterval(() => {}, 60_000);
