// The recipe's my-app: GET /version answers the bare version, /health says ready, everything else says hello.
// Usage: node server.mjs VERSION   (PORT and LISTEN_ADDRESS, else loopback, from the environment)
import { createServer } from "node:http";

const version = process.argv[2] ?? "v1.0.0";

const server = createServer((request, response) => {
  const path = (request.url ?? "/").split("?", 1)[0];
  const received = { bytes: 0 };
  request.on("data", (chunk) => {
    received.bytes += chunk.length;
  });
  request.on("end", () => {
    if (path === "/health") {
      response.end("ok\n");
      return;
    }
    const copy = request.headers["heddle-mirror"] === undefined ? "" : " (mirrored)";
    console.log(`INFO ${version} ${request.method} ${request.url} ${received.bytes} bytes${copy}`);
    const text = path === "/version" ? `${version}\n` : `Hello from my-app ${version}\n`;
    response.writeHead(200, { "content-type": "text/plain", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});

server.listen(Number(process.env.PORT ?? 8080), process.env.LISTEN_ADDRESS ?? "127.0.0.1");
// Like any well-behaved pod: finish what is in flight, then go.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
