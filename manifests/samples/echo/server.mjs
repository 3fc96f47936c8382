// Says which node answered, as the go-echo image of the how-to does. NODE_NAME comes from the Deployment's env.
// Usage: NODE_NAME=v1 node server.mjs   (PORT and LISTEN_ADDRESS, else loopback, from the environment)
import { createServer } from "node:http";

const nodeName = process.env.NODE_NAME ?? "unknown";
const text = `Welcome, you are connected to node ${nodeName}.\n\n`;

const server = createServer((request, response) => {
  request.resume();
  if (request.url !== "/health") {
    console.log(`INFO ${nodeName} ${request.method} ${request.url}`);
  }
  response.writeHead(200, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
  response.end(text);
});

server.listen(Number(process.env.PORT ?? 1027), process.env.LISTEN_ADDRESS ?? "127.0.0.1");
// Like any well-behaved pod: finish what is in flight, then go.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
