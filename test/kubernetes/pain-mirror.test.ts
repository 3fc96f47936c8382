// Mirrors in the sidecar's path: the primary's request is what it would be without one, and a mirror that always fails is
// seen in metrics and in traces, and nowhere else.
import { randomBytes } from "node:crypto";
import test from "ava";
import type { CountInput } from "./programs/count.ts";
import { scrapePod } from "./support/agent-metrics.ts";
import { Jaeger, type JaegerSpan } from "./support/jaeger.ts";
import { backend, markRule, Mesh, meshRoute, type PodOptions, service } from "./support/mesh.ts";
import { waitFor } from "./support/wait-for.ts";

const mesh = Mesh.use(test, "mirror");
let jaeger: Jaeger;

const server = (name: string, status: number): PodOptions => ({
  name,
  program: "raw-server.ts",
  input: { port: 8080, version: name, status },
  ports: [8080],
});

const route = (mark: string, mirrored: boolean): object =>
  meshRoute("primary", "primary", [
    markRule(mark),
    {
      ...(mirrored && { filters: [{ type: "RequestMirror", requestMirror: { backendRef: backend("mirror") } }] }),
      backendRefs: [backend("primary")],
    },
  ]);

test.serial.before("a primary, a mirror that fails, and a client", async () => {
  jaeger = await Jaeger.open();
  await mesh.apply(["primary", "mirror"].map((name) => service({ name, ports: [[80, 8080]] })));
  await mesh.start(server("primary", 200), server("mirror", 500), mesh.client("client"));
});
test.after.always(() => jaeger?.close());

const newTrace = (): string => randomBytes(16).toString("hex");
const traceparent = (traceId: string): string => `00-${traceId}-00f067aa0ba902b7-01`;

function ask(input: Partial<CountInput>): Promise<Record<string, number>> {
  const whole: CountInput = { host: "primary", port: 80, path: "/", count: 1, ...input };
  return mesh.run("client", "count.ts", whole);
}

/** The heads that the pod has had of requests for the path. */
async function heads(pod: string, path: string): Promise<string[]> {
  const recorded = await mesh.run<Record<string, number>>("client", "count.ts", {
    host: await mesh.podAddress(pod),
    port: 8080,
    path: "/recorded",
    count: 1,
  });
  const all = JSON.parse(Object.keys(recorded)[0] ?? "[]") as string[];
  return all.filter((head) => head.split(" ")[1] === path);
}

/** The span that called is another each time. */
const withoutSpan = (head: string): string => head.replace(/^(traceparent: 00-[0-9a-f]{32}-)[0-9a-f]{16}/im, "$1span");
const marker = /^heddle-mirror: .*\r\n/im;

test.serial(
  "pain 7: the primary's headers are byte-equal with a mirror and without; the mirror's Host is unchanged",
  async (t) => {
    const headers = {
      host: "Shop.Example:80",
      "X-CamelCase": "kept",
      "x-forwarded-for": "10.9.8.7",
      traceparent: traceparent(newTrace()),
    };
    const request = { path: "/compare", method: "POST", body: "some body", headers };
    await mesh.apply([route("without", false)]);
    t.deepEqual(await ask({ ...request, mark: "without" }), { primary: 1 });
    await mesh.apply([route("with", true)]);
    t.deepEqual(await ask({ ...request, mark: "with" }), { primary: 1 });
    const copies = await waitFor("the copy", async () => {
      const found = await heads("mirror", "/compare");
      return found.length > 0 && found;
    });
    const [without = "", mirrored = "", ...more] = await heads("primary", "/compare");
    t.deepEqual(more, []);
    t.is(withoutSpan(mirrored), withoutSpan(without));
    t.regex(mirrored, /^host: Shop\.Example:80\r\n/im);
    t.notRegex(mirrored, marker);
    const [copy = ""] = copies;
    t.is(copies.length, 1);
    t.regex(copy, marker);
    t.is(withoutSpan(copy.replace(marker, "")), withoutSpan(mirrored));
  },
);

test.serial(
  "pain 9: a mirror that answers 500 to all: every primary succeeds, metrics show the 500s, spans are linked",
  async (t) => {
    const traceId = newTrace();
    const count = 200;
    const copies = async (): Promise<Record<string, number>> => {
      const families = await scrapePod(mesh.namespace, "client");
      const samples = families.get("http_mirror_requests_total")?.samples ?? [];
      return Object.fromEntries(
        samples.map(({ labels, value }) => [`${labels["version"]} ${labels["status"]}`, value]),
      );
    };
    await mesh.apply([route("failing", true)]);
    await ask({ count: 0, mark: "failing" });
    const before = (await copies())["mirror 500"] ?? 0;
    t.deepEqual(await ask({ count: count - 1, path: "/all" }), { primary: count - 1 });
    t.deepEqual(await ask({ path: "/all", headers: { traceparent: traceparent(traceId) } }), { primary: 1 });
    const after = await waitFor("all copies are counted", async () => {
      const now = await copies();
      return (now["mirror 500"] ?? 0) - before === count && now;
    });
    t.is(after["mirror 200"] ?? 0, 0);
    // The primary's success is that of its own family.
    const requests = (await scrapePod(mesh.namespace, "client")).get("http_requests_total")?.samples ?? [];
    const bad = requests.filter(
      ({ labels, value }) => labels["version"] === "primary" && labels["status"] !== "200" && value > 0,
    );
    t.deepEqual(bad, []);

    const isMirror = ({ tags }: JaegerSpan): boolean => tags["heddle.mirror"] === true;
    const spans = await waitFor("the trace", async () => {
      const found = await jaeger.trace(traceId);
      return found.length >= 4 && found;
    });
    const copy = spans.find(isMirror);
    const primary = spans.find((span) => span.kind === "client" && !isMirror(span));
    t.deepEqual(copy?.linkedSpanIds, [primary?.spanId]);
    t.is(copy?.tags["http.response.status_code"], 500);
    t.is(copy?.tags["version"], "mirror");
    t.is(primary?.tags["http.response.status_code"], 200);
    // What each pod received is below the call that brought it.
    const below = (span: JaegerSpan | undefined): unknown[] =>
      spans
        .filter(({ parentSpanId, kind }) => kind === "server" && parentSpanId === span?.spanId)
        .map(({ tags }) => tags["version"]);
    t.deepEqual([below(primary), below(copy)], [["primary"], ["mirror"]]);
  },
);
