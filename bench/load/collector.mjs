// An OTLP/HTTP collector that takes every export and keeps nothing: the far end of tracing in the benchmark.
import { createServer } from "node:http";

createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/x-protobuf" });
    response.end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
