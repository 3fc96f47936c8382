// An agent in a pod whose capture works is ready; whose capture does not says which part of it is missing, and becomes
// ready once it is there. On a real kernel, see pod.ts; one after the other, since each is several processes.
import test from "ava";
import { PodNamespace, podAddress, podIpv6 } from "./pod.ts";
import { skipped } from "./skip.ts";

const ready = /^ok\n$/;

test.serial(
  "capture as it should be: ready, for the kubelet of either family, before and after it runs again",
  async (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    t.is(pod.capture().status, 0);
    const agent = pod.startAgent();
    t.is(await pod.readiness(ready), "ok\n", agent.output());
    t.is(await pod.readiness(ready, podIpv6), "ok\n");
    t.regex(agent.output(), /capture works/);
    t.is(pod.capture().status, 0);
    t.is(await pod.readiness(ready), "ok\n");
  },
);

test.serial("exclusions of everything leave the check its way", async (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  const excluded = {
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "0.0.0.0/0,::/0",
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES: "0.0.0.0/0,::/0",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: "15002,15021",
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "15002,15021",
  };
  t.is(pod.capture(excluded).status, 0);
  pod.startAgent();
  t.is(await pod.readiness(ready), "ok\n");
});

const uid = "5309";
const broken: Readonly<
  Record<string, { readonly family?: string; readonly rule: readonly string[]; readonly says: RegExp }>
> = {
  "the jump of OUTPUT": {
    rule: ["OUTPUT", "-p", "tcp", "-j", "HEDDLE_OUTPUT"],
    says: /^outbound IPv4 connections do not reach the agent: .*HEDDLE_OUTPUT.*; IPv4 connections of the pod to itself do not reach the agent/,
  },
  "the jump of OUTPUT, in IPv6": {
    family: "ip6tables",
    rule: ["OUTPUT", "-p", "tcp", "-j", "HEDDLE_OUTPUT"],
    says: /^outbound IPv6 connections do not reach the agent: [^;]*; IPv6 connections of the pod to itself do not reach the agent[^;]*\n$/,
  },
  "the last rule of HEDDLE_OUTPUT": {
    rule: ["HEDDLE_OUTPUT", "-j", "HEDDLE_REDIRECT"],
    says: /^outbound IPv4 connections do not reach the agent: [^;]* to port 15001\n$/,
  },
  "the rule for calls of the pod to itself": {
    rule: [
      "HEDDLE_OUTPUT",
      "!",
      "-d",
      "127.0.0.1/32",
      "-o",
      "lo",
      "-m",
      "owner",
      "--uid-owner",
      uid,
      "-j",
      "HEDDLE_IN_REDIRECT",
    ],
    says: /^IPv4 connections of the pod to itself do not reach the agent: [^;]* to port 15006\n$/,
  },
  "the rule that lets the agent dial the application": {
    rule: ["HEDDLE_OUTPUT", "-s", "127.0.0.6/32", "-o", "lo", "-j", "RETURN"],
    says: /^the agent's IPv4 connections to the application come back to it: .*127\.0\.0\.6/,
  },
  "the jump of PREROUTING": {
    rule: ["PREROUTING", "-p", "tcp", "-j", "HEDDLE_INBOUND"],
    says: /^inbound connections are not captured: .*PREROUTING/,
  },
};

for (const [name, { family = "iptables", rule, says }] of Object.entries(broken)) {
  test.serial(`without ${name} the agent is not ready and says so, until it is there again`, async (t) => {
    if (skipped(t)) return;
    const pod = PodNamespace.create(t);
    t.is(pod.capture().status, 0);
    const removed = pod.run([family, "-t", "nat", "-D", ...rule]);
    t.is(removed.status, 0, removed.stderr);
    const agent = pod.startAgent();
    t.regex(await pod.readiness(says), says, agent.output());
    t.regex(pod.capture().stdout, /applied/);
    t.is(await pod.readiness(ready), "ok\n");
  });
}

test.serial("a pod where capture never ran says so of both families", async (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  const agent = pod.startAgent();
  const body = await pod.readiness(/^outbound/);
  t.regex(body, /outbound IPv4 .*outbound IPv6 /, agent.output());
});

test.serial("an agent of another user than the rules know says so", async (t) => {
  if (skipped(t)) return;
  const pod = PodNamespace.create(t);
  t.is(pod.capture().status, 0);
  pod.start("agent/main.ts", [], 5310, {
    HEDDLE_MODE: "sidecar",
    HEDDLE_NODE_NAMESPACE: "test",
    HEDDLE_NODE_POD: "pod",
    HEDDLE_CONTROL_PLANE: "127.0.0.1:1",
    HEDDLE_CAPTURE: "on",
    HEDDLE_HEALTH_ADDRESS: "0.0.0.0:15021",
    HEDDLE_READY_TIMEOUT_MS: "1",
  });
  t.regex(await pod.readiness(/user/), /^the agent runs as user 5310/);
  t.is((await pod.get(`http://${podAddress}:15021/livez`)).status, 200);
});
