import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import test, { type ExecutionContext } from "ava";
import { freePort } from "./free-port.ts";
import { Readiness, runProbe } from "./readiness.ts";

const probe = {
  initialDelaySeconds: 0,
  periodSeconds: 0.01,
  timeoutSeconds: 0.2,
  failureThreshold: 2,
  successThreshold: 2,
};

async function listening(t: ExecutionContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("httpGet passes from 200 to 399 and nothing else, in time", async (t) => {
  const port = await listening(
    t,
    createHttpServer((request, response) => {
      const status = Number(request.url?.slice(1));
      if (status !== 0) {
        response.writeHead(status).end();
      }
    }),
  );
  const get = (path: string) => runProbe({ ...probe, httpGet: { path, port: 8080, headers: [] } }, port);
  t.deepEqual(await Promise.all(["/200", "/204", "/399", "/400", "/503", "/0"].map(get)), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("tcpSocket passes when the port accepts, whatever port the probe names", async (t) => {
  const port = await listening(
    t,
    createServer((socket) => socket.destroy()),
  );
  t.true(await runProbe({ ...probe, tcpSocket: { port: "http" } }, port));
  t.false(await runProbe({ ...probe, tcpSocket: { port: 1 } }, await freePort()));
});

test("thresholds count in a row, in both directions", async (t) => {
  const answers = [200, 500, 200, 200, 500, 200, 500, 500];
  const changes: [number, boolean][] = [];
  const done = Promise.withResolvers<void>();
  let asked = 0;
  const port = await listening(
    t,
    createHttpServer((_, response) => {
      response.writeHead(answers[asked++] ?? 500).end();
    }),
  );
  const readiness = new Readiness({
    probe: { ...probe, httpGet: { path: "/", port: 1, headers: [] } },
    port,
    onChange: (ready) => {
      changes.push([asked, ready]);
      if (!ready) {
        done.resolve();
      }
    },
  });
  await done.promise;
  readiness.close();
  t.deepEqual(changes, [
    [4, true],
    [8, false],
  ]);
});
