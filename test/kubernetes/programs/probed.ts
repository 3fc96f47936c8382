// Something for probes to ask: HTTP on 8080, HTTPS on 8443 (CERTIFICATE and KEY, PEM), gRPC health on 9090, and a port
// that accepts and says nothing on 9000; nobody listens on 9999. Paths that begin with /broken are answered 503, /moved
// leads on, and the gRPC service "broken" does not serve. Imports nothing of the project: it runs in pods.
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";

function answer({ url = "/", headers }: IncomingMessage, response: ServerResponse): void {
  const isAsWritten = headers["x-probe"] === undefined || headers["x-probe"] === "as written";
  const broken = url.startsWith("/broken") || !isAsWritten;
  if (url === "/moved") response.writeHead(302, { location: "/ready" }).end();
  else response.writeHead(broken ? 503 : 200).end(`${url}\n`);
}

/** grpc.health.v1 HealthCheckResponse: field 1 is 1 for SERVING, 2 for NOT_SERVING; a frame is a flag, length, message. */
function health(serving: boolean): Buffer {
  return Buffer.from([0, 0, 0, 0, 2, 8, serving ? 1 : 2]);
}

createHttpServer(answer).listen(8080);
createHttpsServer({ cert: process.env["CERTIFICATE"], key: process.env["KEY"] }, answer).listen(8443);
createTcpServer((socket) => socket.on("error", () => {})).listen(9000);
createHttp2Server()
  .on("stream", (stream: ServerHttp2Stream) => {
    let body = "";
    stream.on("error", () => {});
    stream.setEncoding("latin1").on("data", (part: string) => (body += part));
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(health(!body.includes("broken")));
    });
  })
  .listen(9090);
process.on("SIGTERM", () => process.exit(0));
