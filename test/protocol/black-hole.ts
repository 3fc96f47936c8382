// A relay between an agent and a server that can stop passing anything on without closing: a connection that dies
// without a word.
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class BlackHole {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(targetPort: number) {
    this.#server = createServer((downstream) => {
      const upstream = connect(targetPort, "127.0.0.1");
      this.#sockets.push(downstream, upstream);
      for (const socket of [downstream, upstream]) socket.on("error", () => {});
      downstream.pipe(upstream);
      upstream.pipe(downstream);
    });
  }

  static async start(targetPort: number): Promise<BlackHole> {
    const hole = new BlackHole(targetPort);
    await new Promise<void>((resolve) => hole.#server.listen(0, "127.0.0.1", resolve));
    return hole;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From here on nothing arrives on either side. */
  swallow(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
