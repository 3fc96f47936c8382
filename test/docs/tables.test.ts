// The tables of the pages against the code that they describe: a name that was added, renamed or dropped fails here.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { describeAgentConfig } from "../../agent/config.ts";
import { localReplyReasons, localReplyStatus, renderLocalReply } from "../../agent/proxy/local-reply.ts";
import { AgentMetrics } from "../../agent/telemetry/agent-metrics.ts";
import { Family } from "../../agent/telemetry/metric-registry.ts";
import { watchProcess } from "../../agent/telemetry/process-metrics.ts";
import { describeConfig } from "../../control-plane/config.ts";
import { authenticationFailures } from "../../control-plane/discovery/authenticate.ts";
import { code, read, root, tableUnder } from "./pages.ts";

const setting = /^ {2}(HEDDLE_\w+) +(.*?)(?: \((?:default (.*)|required)\))?$/;

/** "NAME default meaning" of what a program prints about its environment. */
function described(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const [, name = "", about = "", fallback = ""] = setting.exec(line) ?? [];
    return name === "" ? [] : [`${name} ${fallback} ${about}`];
  });
}

function documented(heading: string): readonly string[] {
  return tableUnder(read("docs/configuration.md"), heading).map(
    ([name, fallback, about]) => `${code(name)} ${code(fallback)} ${about}`,
  );
}

test("docs/configuration.md lists every variable of the agent, with its default and its meaning", (t) => {
  t.deepEqual(documented("Agent"), described(describeAgentConfig()));
});

test("docs/configuration.md lists every variable of the control plane, with its default and its meaning", (t) => {
  t.deepEqual(documented("Control plane"), described(describeConfig()));
});

test("docs/configuration.md lists every variable that tracing reads", (t) => {
  const names = tableUnder(read("docs/configuration.md"), "Tracing").map(([name]) => code(name));
  const known = read("agent/telemetry/tracing-config.ts").match(/\bOTEL_[A-Z_]+[A-Z]\b/g) ?? [];
  t.deepEqual(names.toSorted(), [...new Set(known)].toSorted());
});

test("docs/local-replies.md lists every reason with its status and sentence", (t) => {
  const rows = tableUnder(read("docs/local-replies.md"), "Reasons");
  t.deepEqual(
    rows.map(([reason, status, text]) => [code(reason), Number(status), text]),
    localReplyReasons.map((reason) => {
      const reply = renderLocalReply(reason, { connection: "", withoutBody: false });
      return [reason, localReplyStatus(reason), /heddle: (.*)\n$/.exec(reply)?.[1]];
    }),
  );
  for (const [reason, , , advice] of rows) t.regex(advice ?? "", /^[A-Z1].{15,}\.$/, reason);
});

/** Label names of every family with a series, "le" left out, in the order of the text. */
function labelsOf(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  let family = "";
  for (const line of text.split("\n")) {
    family = /^# TYPE (\w+)/.exec(line)?.[1] ?? family;
    const names = [...line.matchAll(/[{,](\w+)="/g)].map(([, name]) => name).filter((name) => name !== "le");
    if (!line.startsWith("#") && line !== "") labels.set(family, names.join(", "));
  }
  return labels;
}

test("docs/metrics.md lists every metric of the agent with its labels", (t) => {
  const metrics = new AgentMetrics(() => 0);
  const watched = watchProcess(metrics.registry);
  t.teardown(() => watched.close());
  const rule = { route: "n/r", index: 0 };
  const mirror = { displayName: "n/m:80" } as Parameters<typeof metrics.requests.mirrorCounter>[1];
  metrics.requests.counter({ rule, displayName: "n/b:80" }, "v1").record(200, 1);
  metrics.requests.mirrorCounter(rule, mirror, "v1").record(200, 1);
  metrics.requests.countMirrorDrop(rule, mirror, "overflow");
  metrics.requests.inbound(80, "v1").record(200, 1);
  metrics.registry.countOverflow("x");
  metrics.setGeneration("e.1", 0);
  for (const family of Object.values(metrics)) if (family instanceof Family) family.with("x");
  const rows = tableUnder(read("docs/metrics.md"), "Agent").map(
    ([name, labels]) => [code(name), labels ?? ""] as const,
  );
  const found = [...labelsOf(metrics.registry.render())];
  t.deepEqual(
    rows.toSorted(([one], [other]) => (one < other ? -1 : 1)),
    found.toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
});

test("no metric stands in an agent's scrape that nothing adds to", (t) => {
  const sources = sourcesUnder("agent").filter((path) => !path.endsWith("agent-metrics.ts"));
  const code_ = sources.map(read).join("\n");
  const declared = read("agent/telemetry/agent-metrics.ts").matchAll(/this\.(\w+) = registry\.\w+\(\s*"(\w+)"/g);
  const unused = [...declared].filter(([, member]) => !new RegExp(`[mM]etrics\\.${member}\\b`).test(code_));
  t.deepEqual(
    unused.map(([, , name]) => name),
    [],
  );
});

test("docs/metrics.md lists every metric of the control plane", (t) => {
  const rows = tableUnder(read("docs/metrics.md"), "Control plane").map(([name]) => code(name));
  const calls = read("control-plane/admin/metrics-page.ts").matchAll(/text\.\w+\(\s*"(\w+)"/g);
  t.deepEqual(
    rows,
    [...calls].map(([, name]) => name ?? ""),
  );
});

test("docs/identity.md lists every reason why an agent is refused", (t) => {
  const rows = tableUnder(read("docs/identity.md"), "Agents").map(([reason]) => code(reason));
  t.deepEqual(rows.toSorted(), [...authenticationFailures].toSorted());
});

test("docs/metrics.md names every field of the access log", (t) => {
  const source = read("agent/telemetry/access-log.ts");
  const fields = source.slice(source.indexOf("export function accessLogLine")).matchAll(/^ {4}(\w+): /gm);
  const page = read("docs/metrics.md");
  const named = page.slice(page.indexOf("Fields:")).match(/`(\w+)`/g) ?? [];
  t.deepEqual(
    named,
    [...fields].map(([, name]) => `\`${name}\``),
  );
});

test("docs/tracing.md names every attribute of a span", (t) => {
  const source = read("agent/telemetry/spans.ts");
  const found = source.matchAll(/(?:attributes\[|attributes, |^ {4})"((?:\w+\.)+\w+|version)"/gm);
  assertNamed(t, "docs/tracing.md", new Set([...found].map(([, name]) => name ?? "")), 20);
});

test("docs/supported-gateway-api.md names every reason of a condition, and no other", (t) => {
  const sources = sourcesUnder("control-plane/translate").map(read).join("\n");
  const found = sources.matchAll(
    /reason: "([A-Z]\w+)"|refuse\(\s*"\w+",\s*"(\w+)"|(?:condition|verdict)\(\s*"\w+", (?:"\w+"|\w+), "(\w+)"|"(ListenersNotValid)"/g,
  );
  const reasons = [...found].map((match) => match.slice(1).find((reason) => reason !== undefined) ?? "");
  const rows = tableUnder(read("docs/supported-gateway-api.md"), "Conditions").map(([, , reason]) => code(reason));
  t.deepEqual([...new Set(rows)].toSorted(), [...new Set(reasons)].toSorted());
});

test("docs/troubleshooting.md lists every page of the agent and of the control plane", (t) => {
  const page = read("docs/troubleshooting.md");
  for (const [heading, file] of [
    ["Pages of the agent", "agent/admin/admin-server.ts"],
    ["Pages of the control plane", "control-plane/admin/server.ts"],
  ] as const) {
    const paths = read(file).matchAll(/^ {2}"(\/[\w/]+)": \{/gm);
    const rows = tableUnder(page, heading).map(([path]) => code(path));
    t.deepEqual(
      rows,
      [...paths].map(([, path]) => path ?? ""),
      file,
    );
  }
});

test("ARCHITECTURE.md: every bound is the one in the code", (t) => {
  const rows = tableUnder(read("ARCHITECTURE.md"), "Bounds");
  t.true(rows.length > 40);
  for (const [what, limit, where] of rows) {
    const [file = "", constant = ""] = [...(where ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const literal = RegExp.escape(code(limit));
    t.regex(read(file), new RegExp(`\\b${constant}\\b[^\\n]*\\D${literal}(?![\\d_.]| \\*)`), `${what}: ${limit}`);
  }
});

function sourcesUnder(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
}

function assertNamed(t: ExecutionContext, page: string, names: ReadonlySet<string>, least: number): void {
  t.true(names.size >= least, `only ${names.size} found in the code`);
  const text = read(page);
  for (const name of names) t.true(text.includes(`\`${name}\``), `${page} does not name ${name}`);
}
