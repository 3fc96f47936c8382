// Two servers for the upload case: one reads a request body to its end and answers 200, the other accepts connections
// and never reads from them. Ports in the arguments.
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";

const [readingPort, stalledPort] = process.argv.slice(2).map(Number);

createServer((request, response) => {
  request.resume();
  request.on("end", () => response.end("taken\n"));
}).listen(readingPort, "127.0.0.1");

createTcpServer({ pauseOnConnect: true }, (socket) => {
  socket.on("error", () => {});
}).listen(stalledPort, "127.0.0.1");
