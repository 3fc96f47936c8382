// A pod inside the mesh: for every request it asks the Service task-api which version answers, and passes that on. It
// knows nothing of Heddle; http_proxy in its environment leads its requests through the sidecar.
import { createServer, request } from "node:http";

const server = createServer((incoming, response) => {
  incoming.resume();
  if (incoming.url === "/health") {
    response.end("ok\n");
    return;
  }
  const upstream = request("http://task-api:8000/api/version", (answer) => {
    response.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" });
    answer.pipe(response);
  });
  upstream.on("error", (error) => {
    response.writeHead(502);
    response.end(`${error.message}\n`);
  });
  upstream.end();
});

server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
