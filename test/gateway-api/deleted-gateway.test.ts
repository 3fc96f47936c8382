// A Gateway that is deleted: its agents lose their listeners and are told to end, in the same second.
import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import { until } from "../support/until.ts";
import { gatewayYaml, routeYaml, World } from "./world.ts";

test("a request under way when its Gateway is deleted is answered before the agent ends", async (t) => {
  const world = await World.start(t, { origins: ["web"] });
  const [port = 0] = world.ports;
  const listener = `{ name: http, port: ${port}, protocol: HTTP }`;
  await world.apply({
    "gateway.yaml": gatewayYaml([listener]),
    "web.yaml": world.service("web"),
    "route.yaml": routeYaml(
      "web",
      "  parentRefs: [{ name: gw }]\n  rules: [{ backendRefs: [{ name: web, port: 80 }] }]\n",
    ),
  });
  const agent = await world.gateway("gw");
  const client = connect(port, "127.0.0.1");
  client.on("error", (error) => t.fail(error.message));
  let answer = "";
  client.on("data", (chunk) => (answer += String(chunk)));
  client.write("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
  await until(() => world.origins.get("web")!.connections() > 0);

  await world.apply({ "gateway.yaml": "" });
  await until(() => world.controlPlane.discovery.snapshot?.gateways.has("shop/gw") === false);
  let isDrained = false;
  const drained = agent.drain().then(() => (isDrained = true));
  await new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
  t.false(isDrained, "it ended with a request under way");
  client.write("cd");
  await drained;
  if (!client.closed) await once(client, "close");
  t.regex(answer, /^HTTP\/1\.1 200 /);
});
