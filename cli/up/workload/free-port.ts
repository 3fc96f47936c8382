// Finds a TCP port on 127.0.0.1 that nobody uses, below those that systems give to connections and servers that ask for
// any port (32768 on Linux, 49152 elsewhere): between the answer and its use only another search could take it.
import { createServer } from "node:net";

const firstPort = 10_000;
const portCount = 20_000;
const maxAttempts = 100;

/** Rejects when a hundred ports in a row are taken. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      if (attempt === maxAttempts) throw error;
    }
  }
}

function listenOnce(port: number): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve()));
  });
}

/** `count` different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
