import test from "ava";
import { appProbePath, parseAppProbes } from "../../proto/app-probes.ts";

const path = appProbePath("web", "readiness");
const errorsOf = (value: unknown): readonly string[] => {
  const result = parseAppProbes(typeof value === "string" ? value : JSON.stringify(value));
  return "errors" in result ? result.errors : [];
};

test("probes of every handler are read back as they were written", (t) => {
  const probes = {
    "/app-probe/web/liveness": { timeoutSeconds: 1, httpGet: { path: "/?a=b", port: 80, scheme: "HTTP" } },
    [path]: {
      timeoutSeconds: 3,
      httpGet: { path: "/", port: 443, scheme: "HTTPS", host: "web", httpHeaders: [{ name: "X-A", value: "b" }] },
    },
    "/app-probe/web/startup": { timeoutSeconds: 1, tcpSocket: { port: 65_535 } },
    "/app-probe/rpc/startup": { timeoutSeconds: 1, grpc: { port: 1, service: "" } },
  };
  t.deepEqual(parseAppProbes(JSON.stringify(probes)), { probes } as never);
  t.deepEqual(parseAppProbes(""), { probes: {} });
});

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ["text that is no JSON", "{", /JSON object/],
  ["a list", [], /JSON object/],
  ["a path of somewhere else", { "/metrics": { timeoutSeconds: 1, tcpSocket: { port: 1 } } }, /"\/metrics" is not/],
  ["no timeout", { [path]: { tcpSocket: { port: 1 } } }, /timeoutSeconds/],
  ["no handler", { [path]: { timeoutSeconds: 1 } }, /one of httpGet/],
  ["two handlers", { [path]: { timeoutSeconds: 1, tcpSocket: { port: 1 }, grpc: { port: 1, service: "" } } }, /one of/],
  ["a named port", { [path]: { timeoutSeconds: 1, tcpSocket: { port: "http" } } }, /port from 1/],
  ["port 0", { [path]: { timeoutSeconds: 1, tcpSocket: { port: 0 } } }, /port from 1/],
  ["an unknown scheme", { [path]: { timeoutSeconds: 1, httpGet: { port: 1, path: "/", scheme: "http" } } }, /scheme/],
  ["a relative path", { [path]: { timeoutSeconds: 1, httpGet: { port: 1, path: "x", scheme: "HTTP" } } }, /path/],
  ["no gRPC service", { [path]: { timeoutSeconds: 1, grpc: { port: 1 } } }, /service/],
];
for (const [title, value, message] of wrong) {
  test(`refused: ${title}`, (t) => {
    t.regex(errorsOf(value).join("\n"), message);
    t.is(errorsOf(value).length, 1);
  });
}
