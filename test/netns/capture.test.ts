// The capture program on a real kernel: the same rules whatever was there before, and what they do to connections. See
// pod.ts for the namespaces that it runs in.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { captureRules } from "../../agent/capture/rules.ts";
import { until } from "../support/until.ts";
import { nodeAddress, PodNamespace, podAddress, podIpv6 } from "./pod.ts";
import { skipped } from "./skip.ts";

const nothingExcluded = {
  excludeInboundPorts: [],
  excludeOutboundPorts: [],
  excludeInboundAddresses: [],
  excludeOutboundAddresses: [],
};

const ownChains = ["HEDDLE_INBOUND", "HEDDLE_IN_REDIRECT", "HEDDLE_OUTPUT", "HEDDLE_REDIRECT"].map(
  (chain) => `:${chain} - [0:0]`,
);

/** Chains and rules of the table when there are only ours. */
const expected = (family: "ipv4" | "ipv6"): readonly string[] => [
  ...ownChains,
  ...captureRules(nothingExcluded, family),
];

/** A folder to be all of PATH: programs by the name that they are found under. A script where the text has lines. */
function pathOf(t: ExecutionContext, programs: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "heddle-path-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, target] of Object.entries(programs)) {
    if (target.startsWith("#!")) {
      writeFileSync(join(folder, name), target);
      chmodSync(join(folder, name), 0o755);
    } else {
      symlinkSync(execFileSync("which", [target], { encoding: "utf8" }).trim(), join(folder, name));
    }
  }
  return folder;
}

const programsOf = (base: string, variant = ""): Record<string, string> => ({
  [`${base}-save`]: `${base}${variant}-save`,
  [`${base}-restore`]: `${base}${variant}-restore`,
});

for (const variant of ["-nft", "-legacy"]) {
  test.serial(
    `17 capture with iptables${variant}: run twice, the rules are as after once, and nothing is written`,
    (t) => {
      if (skipped(t)) return;
      const pod = PodNamespace.create(t);
      const path = pathOf(t, { ...programsOf("iptables", variant), ...programsOf("ip6tables", variant) });
      const first = pod.capture({}, path);
      t.is(first.status, 0, first.stderr);
      t.regex(first.stdout, /IPv4 captured: 12 rules applied.* IPv6 captured: 12 rules applied/);
      t.deepEqual(pod.rules("ipv4", variant).toSorted(), expected("ipv4").toSorted());
      t.deepEqual(pod.rules("ipv6", variant).toSorted(), expected("ipv6").toSorted());
      const readOnly = pathOf(t, {
        "iptables-save": `iptables${variant}-save`,
        "ip6tables-save": `ip6tables${variant}-save`,
      });
      const second = pod.capture({}, readOnly);
      t.is(second.status, 0, second.stderr);
      t.regex(second.stdout, /IPv4 captured: 12 rules already there.* IPv6 captured: 12 rules already there/);
      t.deepEqual(pod.rules("ipv4", variant).toSorted(), expected("ipv4").toSorted());
    },
  );
}

test.serial("17 killed between the families and run again: the rules are those of one run", async (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  // The program dies of what it runs for IPv6, after IPv4 is done.
  const killer = "#!/bin/sh\nkill -9 $PPID\n";
  const path = pathOf(t, { ...programsOf("iptables"), "ip6tables-save": killer, sh: "sh" });
  t.not(pod.capture({}, path).status, 0);
  t.deepEqual(pod.rules("ipv4").toSorted(), expected("ipv4").toSorted());
  t.deepEqual(pod.rules("ipv6"), []);
  t.is(pod.capture().status, 0);
  t.deepEqual(pod.rules("ipv4").toSorted(), expected("ipv4").toSorted());
  t.deepEqual(pod.rules("ipv6").toSorted(), expected("ipv6").toSorted());
});

test.serial(
  "17 what is left of other runs is repaired: doubled jumps, odd and missing rules; rules of others stay",
  (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    const theirs = ["-A PREROUTING -p udp -m udp --dport 53 -j RETURN", "-A OUTPUT -d 10.9.9.9/32 -j RETURN"];
    for (const command of [
      "-N HEDDLE_OUTPUT",
      "-N HEDDLE_INBOUND",
      "-N HEDDLE_REDIRECT",
      ...theirs,
      "-A OUTPUT -p tcp -j HEDDLE_OUTPUT",
      "-A OUTPUT -j HEDDLE_OUTPUT",
      "-A OUTPUT -p tcp -m tcp --dport 80 -j HEDDLE_OUTPUT",
      "-A OUTPUT -p tcp -j HEDDLE_OUTPUT",
      "-A HEDDLE_OUTPUT -p tcp -m tcp --dport 81 -j RETURN",
      "-A HEDDLE_OUTPUT -j HEDDLE_REDIRECT",
      "-A HEDDLE_INBOUND -j RETURN",
    ]) {
      const added = pod.run(["iptables", "-t", "nat", ...command.split(" ")]);
      t.is(added.status, 0, added.stderr);
    }
    t.is(pod.capture().status, 0);
    t.deepEqual(pod.rules().toSorted(), [...expected("ipv4"), ...theirs].toSorted());
    t.regex(pod.capture().stdout, /IPv4 captured: 12 rules already there/);
  },
);

test.serial("17 without ip6tables IPv4 is captured, and why IPv6 is not is said; without iptables nothing is", (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  const ipv4Only = pod.capture({}, pathOf(t, programsOf("iptables")));
  t.is(ipv4Only.status, 0, ipv4Only.stderr);
  t.regex(ipv4Only.stdout, /IPv4 captured: .* IPv6 not captured: ip6tables-save is not installed/);
  t.deepEqual(pod.rules().toSorted(), expected("ipv4").toSorted());
  const none = PodNamespace.create(t).capture({}, pathOf(t, {}));
  t.is(none.status, 1);
  t.regex(none.stderr, /IPv4 not captured: iptables-save is not installed; iptables-nft-save is not installed/);
});

test.serial("17 a kernel without IPv6: skipped with the reason", (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  for (const scope of ["all", "lo", "eth0"]) pod.run(["sysctl", "-q", "-w", `net.ipv6.conf.${scope}.disable_ipv6=1`]);
  const outcome = pod.capture();
  t.is(outcome.status, 0);
  t.regex(outcome.stdout, /IPv6 skipped: the kernel has none here/);
  t.deepEqual(pod.rules("ipv6"), []);
});

test.serial("other settings replace the rules of the first", (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  t.is(pod.capture({ HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: "3306" }).status, 0);
  t.true(pod.rules().some((rule) => rule.includes("--dport 3306 -j RETURN")));
  t.is(pod.capture().status, 0);
  t.deepEqual(pod.rules().toSorted(), expected("ipv4").toSorted());
});

test.serial("wrong settings change nothing and are all named", (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  const outcome = pod.capture({
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "80,http",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "10.0.0.0/33",
  });
  t.is(outcome.status, 2);
  t.regex(
    outcome.stderr,
    /INBOUND_PORTS must be ports[^\n]*not "http"\n[^\n]*OUTBOUND_ADDRESSES must be[^\n]*"10\.0\.0\.0\/33"/,
  );
  t.deepEqual(pod.rules(), []);
});

const hello = "not http";

test.serial("what is captured and what is not, in and out, over both families", async (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  const excluding = {
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "7001",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: "7002",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "10.78.0.0/16",
  };
  t.is(pod.capture(excluding).status, 0);
  pod.run(["ip", "address", "add", "10.78.0.1/32", "dev", "lo"]);
  const application = pod.start("test/netns/naming-server.ts", ["7000", "7001", "7002"], 1000);
  await until(() => application.output().includes("listening"));
  const agent = pod.startAgent();
  t.is(await pod.readiness(/^ok\n$/), "ok\n", agent.output());

  // In: through the agent, which dials from its own address; an excluded port is the client's own connection.
  t.regex((await pod.dial("node", podAddress, 7000, hello)).text, /^7000 from 127\.0\.0\.6 /);
  t.regex((await pod.dial("node", podIpv6, 7000, hello)).text, /^7000 from ::6 /);
  const direct = await pod.dial("node", podAddress, 7001, hello);
  t.is(direct.text, `7001 from ${nodeAddress} ${direct.port}`);

  // Within the pod, over loopback and by the pod's address: left alone.
  const loopback = await pod.dial(1000, "127.0.0.1", 7000, hello);
  t.is(loopback.text, `7000 from 127.0.0.1 ${loopback.port}`);
  const own = await pod.dial(1000, podAddress, 7000, hello);
  t.is(own.text, `7000 from ${podAddress} ${own.port}`);

  // The agent calling its own pod comes in by the inbound side, in order.
  t.regex((await pod.dial(5309, podAddress, 7000, hello)).text, /^7000 from 127\.0\.0\.6 /);
});

test.serial(
  "out: calls of the application leave through the agent, but for excluded ports and addresses",
  async (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    const excluding = {
      HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: "7002",
      HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "10.77.1.0/24,fd77:0:0:1::/64",
    };
    t.is(pod.capture(excluding).status, 0);
    pod.inNode(["ip", "address", "add", "10.77.1.1/32", "dev", "lo"]);
    const server = pod.startInNode("test/netns/naming-server.ts", ["7000", "7002"]);
    await until(() => server.output().includes("listening"));
    const agent = pod.startAgent();
    t.is(await pod.readiness(/^ok\n$/), "ok\n", agent.output());

    const through = async (host: string, port: number): Promise<boolean> => {
      const { text, port: dialledFrom } = await pod.dial(1000, host, port, hello);
      t.regex(text, new RegExp(`^${port} from \\S+ \\d+$`), agent.output());
      return !text.endsWith(` ${dialledFrom}`);
    };
    t.true(await through(nodeAddress, 7000));
    t.true(await through("fd77::1", 7000));
    t.false(await through(nodeAddress, 7002));
    t.false(await through("10.77.1.1", 7000));
    // The agent's own leave.
    const agents = await pod.dial(5309, nodeAddress, 7000, hello);
    t.is(agents.text, `7000 from ${podAddress} ${agents.port}`);
  },
);

test.serial(
  "inbound HTTP of a pod of both families reaches the application over the caller's, whoever comes first",
  async (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    t.is(pod.capture().status, 0);
    const sidecar = pod.start("test/netns/inbound-sidecar.ts", ["7000", podAddress], 5309);
    await until(() => sidecar.output().includes("listening"));
    const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (const address of [podIpv6, podAddress, podIpv6]) {
      const { text } = await pod.dial("node", address, 7000, request);
      t.regex(text, /^HTTP\/1\.1 200 /, sidecar.output());
      const expected = address === podAddress ? `::ffff:127.0.0.6 to ::ffff:${podAddress}\n` : `::6 to ${podIpv6}\n`;
      t.true(text.endsWith(expected), text);
    }
  },
);
