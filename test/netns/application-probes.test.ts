// 25: probes of an application behind capture, asked by the node as the kubelet asks: up is up, down is down, and
// nothing of it is traffic. How each kind is judged is test/data-plane/application-probes.test.ts's.
import test from "ava";
import { until } from "../support/until.ts";
import { PodNamespace, podAddress } from "./pod.ts";
import { skipped } from "./skip.ts";

test.serial(
  "25 a probe through the agent has the application's verdict, though capture accepts every connection",
  async (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    t.is(pod.capture().status, 0);
    const probes = {
      "/app-probe/up/liveness": { timeoutSeconds: 2, tcpSocket: { port: 7000 } },
      "/app-probe/down/liveness": { timeoutSeconds: 2, tcpSocket: { port: 7999 } },
      "/app-probe/up/readiness": { timeoutSeconds: 2, httpGet: { path: "/", port: 7001, scheme: "HTTP" } },
      "/app-probe/down/readiness": { timeoutSeconds: 2, httpGet: { path: "/", port: 7999, scheme: "HTTP" } },
      "/app-probe/down/startup": { timeoutSeconds: 2, grpc: { port: 7999, service: "" } },
    };
    const agent = pod.startAgent({ HEDDLE_APP_PROBES: JSON.stringify(probes) });
    const application = pod.start("test/netns/naming-server.ts", ["7000", "7001"], 1000);
    await until(() => application.output().includes("listening"));
    t.is(await pod.readiness(/^ok\n$/), "ok\n", agent.output());
    const metrics = async (): Promise<readonly string[]> => {
      const { body } = await pod.get(`http://${podAddress}:15021/metrics`);
      // Connections and requests, and whatever else is told of by direction.
      return body.split("\n").filter((line) => /^heddle_.*(inbound|outbound|requests|connections)/.test(line));
    };
    const before = await metrics();
    t.true(before.length > 0);

    // What a tcpSocket probe would find without the agent's check: everything is up.
    t.regex((await pod.dial("node", podAddress, 7999, "x")).text, /ECONNRESET|^$/);
    const counted = await metrics();
    t.notDeepEqual(counted, before);

    for (const [path, { status, says }] of Object.entries({
      "/app-probe/up/liveness": { status: 200, says: /^connected\n$/ },
      "/app-probe/down/liveness": { status: 503, says: /ECONNREFUSED/ },
      // It listens and talks, but no HTTP.
      "/app-probe/up/readiness": { status: 503, says: /Parse Error/ },
      "/app-probe/down/readiness": { status: 503, says: /ECONNREFUSED/ },
      "/app-probe/down/startup": { status: 503, says: /ECONNREFUSED/ },
      "/app-probe/none/startup": { status: 404, says: /no such page/ },
    })) {
      const answer = await pod.get(`http://${podAddress}:15021${path}`);
      t.is(answer.status, status, path);
      t.regex(answer.body, says, path);
    }
    t.deepEqual(await metrics(), counted, "no probe is in the metrics of traffic");
  },
);
