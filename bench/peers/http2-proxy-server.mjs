// http2-proxy on node:http doing the benchmark's job: what a proxy of Node's own parts costs. Started by
// http2-proxy.ts with the ports in its environment.
import { Agent, createServer, request as send } from "node:http";
import proxy from "http2-proxy";

const { PORT, ROUTES, STABLE_PORT, CANARY_PORT, MIRROR_PORT } = process.env;
const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
const prefixes = Array.from({ length: Number(ROUTES) }, (_, route) => `/svc${route}/`);

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  if (!prefixes.some((prefix) => request.url.startsWith(prefix))) {
    response.writeHead(404).end();
    return;
  }
  const canary = request.headers["x-beta-user"] === "true" || Math.random() < 0.05;
  if (MIRROR_PORT) copy(request);
  void proxy.web(
    request,
    response,
    {
      hostname: "127.0.0.1",
      port: Number(canary ? CANARY_PORT : STABLE_PORT),
      onReq: (_, options) => send({ ...options, agent }),
    },
    (error) => {
      if (error) response.destroy(error);
    },
  );
});

/** The benchmark's requests have no body: head only. */
function copy(request) {
  const { method, url: path, headers } = request;
  const mirrored = send({ method, path, headers, hostname: "127.0.0.1", port: Number(MIRROR_PORT), agent });
  mirrored.on("response", (answer) => answer.resume());
  mirrored.on("error", () => {});
  mirrored.end();
}

server.listen(Number(PORT), "127.0.0.1");
