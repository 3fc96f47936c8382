// Listens on the ports that it is given, all addresses, and answers the first bytes of a connection with that port and
// where the connection comes from.
import net from "node:net";

for (const port of process.argv.slice(2).map(Number)) {
  await new Promise<void>((resolve) => {
    net
      .createServer((socket) => {
        socket.on("error", () => undefined);
        const from = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
        socket.once("data", () => socket.end(`${port} from ${from} ${socket.remotePort}`));
      })
      .listen(port, "::", resolve);
  });
}
process.stdout.write("listening\n");
