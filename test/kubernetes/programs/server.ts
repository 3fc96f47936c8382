// A server in a pod: answers every request with the pod's name, and ends at SIGTERM as servers do that care: what is
// under way is answered, nothing new is accepted. LINGER_MS: how long after SIGTERM it goes on as before. Prints a line
// once it listens: before, it would not hear of SIGTERM, being process 1 of its container.
import { createServer } from "node:http";
import { hostname } from "node:os";

const port = 8080;
const lingerMs = Number(process.env["LINGER_MS"] ?? "0");

const server = createServer((_request, response) => {
  response.end(hostname());
});
process.once("SIGTERM", () => {
  setTimeout(() => server.close(() => process.exit(0)), lingerMs);
});
server.listen(port, () => console.log("listening"));
