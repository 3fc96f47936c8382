// Accepts raw handles from a listening server. node:net gives an accepted socket no `onread`, so the accept callback of
// the server's handle is replaced and the handle wrapped anew; where a runtime has no such callback, the handle is
// taken out of the socket that node:net made. The only file that touches this internal of Node.
import type net from "node:net";
import type { TcpHandle } from "../transport/byte-stream.ts";

interface ServerHandle {
  onconnection?: (error: number, handle: TcpHandle | undefined) => void;
}

interface WithHandle<Handle> {
  _handle: Handle | null;
}

/**
 * Calls `accept` with every connection's handle from now on. The server must be listening.
 * Connections accepted this way are not counted by the server: closing it does not wait for them.
 */
export function acceptHandles(server: net.Server, accept: (handle: TcpHandle) => void): void {
  const serverHandle = (server as unknown as WithHandle<ServerHandle>)._handle;
  if (serverHandle !== null && typeof serverHandle.onconnection === "function") {
    serverHandle.onconnection = (error, handle) => {
      if (error === 0 && handle !== undefined) accept(handle);
    };
    return;
  }
  server.on("connection", (socket: net.Socket) => {
    const holder = socket as unknown as WithHandle<TcpHandle>;
    const handle = holder._handle;
    if (handle === null) return;
    holder._handle = null;
    accept(handle);
  });
}

/** Ends a connection that nobody took. */
export function closeHandle(handle: TcpHandle): void {
  (handle as { close(): void }).close();
}
