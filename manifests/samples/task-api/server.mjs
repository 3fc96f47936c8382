// The lesson's Task API, as small as it can be: GET /api/version says which version answered and what it can do.
// Usage: node server.mjs VERSION [FEATURE...]   (features default to "core"; PORT and LISTEN_ADDRESS, else loopback,
// from the environment)
//   /health             200, for readiness probes
//   /api/slow?ms=5000   answers after that long: a request to catch in flight
//   /api/error          500, and a log line with ERROR in it
//   any other /api/...  the version again
import { createServer } from "node:http";

const [version = "v1", ...features] = process.argv.slice(2);
const body = JSON.stringify({ version, features: features.length > 0 ? features : ["core"] })
  .replaceAll(":", ": ")
  .replaceAll(",", ", ");
const longestDelayMs = 60_000;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const answer = (status, text) => {
    response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  };
  response.on("close", () => {
    const copy = request.headers["heddle-mirror"] === undefined ? "" : " (mirrored)";
    const level = response.statusCode >= 500 ? "ERROR" : "INFO";
    if (url.pathname !== "/health") {
      console.log(`${level} ${version} ${request.method} ${request.url} ${response.statusCode}${copy}`);
    }
  });
  request.resume();
  if (url.pathname === "/health") {
    answer(200, "{}\n");
  } else if (url.pathname === "/api/error") {
    answer(500, `{"version": "${version}", "error": "asked for"}\n`);
  } else if (url.pathname === "/api/slow") {
    const delayMs = Math.min(Number(url.searchParams.get("ms") ?? 5000) || 0, longestDelayMs);
    setTimeout(() => answer(200, `${body}\n`), delayMs);
  } else if (url.pathname === "/api" || url.pathname.startsWith("/api/")) {
    answer(200, `${body}\n`);
  } else {
    answer(404, `{"error": "no such path"}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 8000), process.env.LISTEN_ADDRESS ?? "127.0.0.1");
// Like any well-behaved pod: finish what is in flight, then go.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
