// Sends requests one after the other, each on a connection of its own, and prints how each went as one line of JSON.
// Arguments: URLs. Names are resolved beforehand, so that the time is the connection's. Imports nothing of the project: a
// test runs it in a pod with kubectl exec.
import { lookup } from "node:dns/promises";
import { get } from "node:http";

export interface Dial {
  readonly url: string;
  readonly status: number;
  /** From before the connection to the end of the answer. */
  readonly tookMs: number;
}

async function dial(url: string): Promise<Dial> {
  const { host, hostname, port, pathname } = new URL(url);
  const { address } = await lookup(hostname, { family: 4 });
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    get({ host: address, port: port || 80, path: pathname, headers: { host }, agent: false }, (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => {
        resolve({ url, status: response.statusCode ?? 0, tookMs: performance.now() - startedMs });
      });
    }).on("error", reject);
  });
}

const dials: Dial[] = [];
for (const url of process.argv.slice(2)) dials.push(await dial(url));
console.log(JSON.stringify(dials));
