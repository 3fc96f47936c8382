// A TCP socket that this program binds and keeps, and that agents accept on. Because the bound socket lives here, an
// agent can be replaced or crash without a refused connection: what arrives in between waits in the kernel's queue.
//
// node:net starts to accept as soon as it listens, which would steal connections from the agent. The bound handle is
// therefore made with the same function that node:cluster makes its shared handles with, and only agents listen on it.
import * as net from "node:net";
import { getSystemErrorName } from "node:util";

interface BoundHandle {
  close(): void;
}

interface HandleFactory {
  _createServerHandle(address: string, port: number, addressType: 4 | 6): BoundHandle | number;
}

export interface ListeningSocket {
  readonly port: number;
  /** For process.send(message, server): reaches the agent as a server that listens. Never call listen on it here. */
  readonly server: net.Server;
  close(): void;
}

/** Binds 127.0.0.1:`port`. Rejects with an Error whose message names the address and the reason, such as EADDRINUSE. */
export async function bindListeningSocket(port: number): Promise<ListeningSocket> {
  // Two bound sockets clash only once both listen; listening for a moment finds that out before any agent is told.
  await assertFree(port);
  const handle = (net as unknown as HandleFactory)._createServerHandle("127.0.0.1", port, 4);
  if (typeof handle === "number") {
    throw new Error(`cannot bind 127.0.0.1:${port}: ${getSystemErrorName(handle)}`);
  }
  const server = Object.assign(new net.Server(), { _handle: handle });
  return { port, server, close: () => handle.close() };
}

async function assertFree(port: number): Promise<void> {
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "another program listens there (EADDRINUSE)" : String(error.code);
      reject(new Error(`cannot bind 127.0.0.1:${port}: ${reason}`));
    });
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
