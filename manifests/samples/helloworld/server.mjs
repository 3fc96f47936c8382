// The helloworld sample: GET /hello names the version and the pod that answered, /health says ready.
// Usage: node server.mjs VERSION   (PORT, HOSTNAME and LISTEN_ADDRESS, else loopback, from the environment)
import { createServer } from "node:http";
import { hostname } from "node:os";

const version = process.argv[2] ?? "v1";
const text = `Hello version: ${version}, instance: ${process.env.HOSTNAME ?? hostname()}\n`;

const server = createServer((request, response) => {
  request.resume();
  const path = (request.url ?? "/").split("?", 1)[0];
  if (path === "/health") {
    response.end("ok\n");
    return;
  }
  const [status, body] = path === "/hello" ? [200, text] : [404, "try /hello\n"];
  console.log(`INFO ${version} ${request.method} ${request.url} ${status}`);
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(body) });
  response.end(body);
});

server.listen(Number(process.env.PORT ?? 5000), process.env.LISTEN_ADDRESS ?? "127.0.0.1");
// Like any well-behaved pod: finish what is in flight, then go.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
