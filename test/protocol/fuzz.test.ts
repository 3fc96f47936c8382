// Rubbish on the stream: whatever bytes a body holds, the agent answers with a value or a named error; whatever an
// agent says, the server goes on serving the others.
import test from "ava";
import * as fc from "fast-check";
import { status } from "@grpc/grpc-js";
import { decodeWireResource } from "../../agent/discovery/decode.ts";
import { encodeAgentMessage, encodeResource, resourceTypeNames } from "../../proto/discovery.ts";
import type { AgentMessage } from "../../proto/messages.ts";
import { startFixture } from "./fixture.ts";
import { Mesh, routeOf } from "./mesh.ts";
import { RawByteStream } from "./raw-byte-stream.ts";

const numRuns = 2000;

const routeBytes = encodeResource(
  "ROUTE",
  routeOf({ paths: ["/a", "/b"], backends: { "shop/cart:80": 95, other: 5 } }),
);

/** Bytes from nowhere, and real ones with a few of them changed or cut off. */
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.array(fc.tuple(fc.nat(routeBytes.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(routeBytes.length))
    .map(([changes, length]) => {
      const bytes = Buffer.from(routeBytes.subarray(0, length));
      for (const [index, value] of changes) if (index < length) bytes[index] = value;
      return bytes;
    }),
);

test("any bytes decode to a resource or to an error that names it", (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...resourceTypeNames), bodies, (type, body) => {
      const result = decodeWireResource({ type, name: "shop/x", version: "1", body });
      if (result.ok) return result.resource.value.name === "shop/x" && result.resource.value.version === "1";
      return result.error.type === type && result.error.name === "shop/x" && result.error.reason.length > 0;
    }),
    { numRuns },
  );
  t.pass();
});

const words = fc.oneof(
  fc.string({ maxLength: 40, unit: "binary" }),
  fc.constantFrom(
    "",
    "frontend:",
    "frontend:cart:80",
    "frontend:[::1]:80",
    "gateway:shop/edge",
    "workload:shop/p",
    "1.0",
    "__proto__",
    "toString",
    "\ud800",
  ),
);
const nodes = fc.record({
  id: words,
  namespace: words,
  pod: words,
  labels: fc.dictionary(words, words, { maxKeys: 3 }),
  mode: fc.constantFrom<"SIDECAR" | "GATEWAY" | 9>("SIDECAR", "GATEWAY", 9),
  agentVersion: words,
});
const types = fc.constantFrom(...resourceTypeNames, "RESOURCE_TYPE_UNSPECIFIED" as const);
const counts = fc.array(fc.nat(), { maxLength: 16 });
const messages = fc.oneof(
  fc.record({
    hello: fc.record({
      node: fc.option(nodes),
      subscriptions: fc.array(words, { maxLength: 5 }),
      knownResources: fc.array(fc.record({ type: types, name: words, version: words }), { maxLength: 5 }),
      protocolVersion: fc.oneof({ weight: 5, arbitrary: fc.constant("1.0") }, { weight: 1, arbitrary: words }),
    }),
  }),
  fc.record({ subscribe: fc.record({ add: fc.array(words), remove: fc.array(words) }) }),
  fc.record({
    acknowledge: fc.record({
      nonce: fc.constantFrom("1", "2", "x"),
      errors: fc.array(fc.record({ type: types, name: words, version: words, reason: words }), { maxLength: 3 }),
    }),
  }),
  fc.record({
    stats: fc.record({
      rules: fc.array(
        fc.record({
          route: words,
          rule: fc.nat(),
          backend: words,
          workloadVersion: words,
          statusClasses: counts,
          latencyBuckets: counts,
          latencySumSeconds: fc.double(),
          mirrored: fc.nat(),
          mirrorsDropped: fc.nat(),
        }),
        { maxLength: 3 },
      ),
    }),
  }),
);
const encoded = fc.oneof(
  { weight: 8, arbitrary: messages.map((message) => encodeAgentMessage(message as unknown as AgentMessage)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
);

test("whatever an agent says, its stream ends with a status at most and the others are served", async (t) => {
  const fixture = await startFixture(t, new Mesh().service("cart").gateway("edge", {}));
  const bystander = fixture.connect();
  await bystander.expectAck();
  const seen = new Set<status>();
  await fc.assert(
    fc.asyncProperty(fc.array(encoded, { minLength: 1, maxLength: 8 }), async (script) => {
      const stream = new RawByteStream(fixture.port);
      for (const bytes of script) stream.send(bytes);
      const { code } = await stream.halfClose().end();
      seen.add(code);
      stream.close();
      return code !== status.UNKNOWN && code !== status.UNAVAILABLE && code !== status.CANCELLED;
    }),
    { numRuns: numRuns / 20 },
  );
  t.true(seen.has(status.INVALID_ARGUMENT));
  t.is((await bystander.requestAck("frontend:cart:80")).resources.length, 3);
  t.is(fixture.server.connectedAgents().length, 1);
});
