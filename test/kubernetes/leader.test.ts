// The election on a real API server: Leases as it stores them, conflicts as it answers them.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import test, { type ExecutionContext } from "ava";
import { LeaderElection } from "../../control-plane/leader/leader-election.ts";
import { until } from "../support/until.ts";

const namespace = `status-leader-${process.pid}-${Date.now().toString(36)}`;
const run = promisify(execFile);
const kubeConfig = new KubeConfig();

async function kubectl(...args: string[]): Promise<string> {
  return (await run("kubectl", args)).stdout;
}

interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly leaseTransitions: number;
  readonly renewTime: string;
}

async function leaseOf(name: string): Promise<LeaseSpec> {
  return (JSON.parse(await kubectl("get", "lease", name, "-n", namespace, "-o", "json")) as { spec: LeaseSpec }).spec;
}

function elect(t: ExecutionContext, leaseName: string, identity: string): LeaderElection {
  const election = new LeaderElection({ kubeConfig, namespace, leaseName, identity, onChange: () => undefined });
  t.teardown(() => election.close());
  election.start();
  return election;
}

test.before(async () => {
  kubeConfig.loadFromDefault();
  await kubectl("create", "namespace", namespace);
});

test.after.always(async () => {
  await kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found");
});

test("of three started at once one leads; an orderly end moves the lead within two looks", async (t) => {
  const elections = ["a", "b", "c"].map((identity) => elect(t, "three", identity));
  const leaders = (): LeaderElection[] => elections.filter(({ isLeader }) => isLeader);
  await until(() => leaders().length === 1);
  const [first] = leaders();
  const lease = await leaseOf("three");
  t.is(lease.leaseDurationSeconds, 10);
  t.is(lease.leaseTransitions, 0);
  t.regex(lease.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await until(() => elections.every((election) => election === first || !election.isLeader));
  const startedMs = performance.now();
  await first!.close();
  t.false(first!.isLeader);
  await until(() => leaders().length === 1, 5000);
  t.log(`moved in ${Math.round(performance.now() - startedMs)} ms`);
  t.is((await leaseOf("three")).leaseTransitions, 1);
});

/** A replica in a process of its own, that can be killed. */
const replica = `
  import { KubeConfig } from "@kubernetes/client-node";
  import { LeaderElection } from "./control-plane/leader/leader-election.ts";
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const [namespace, leaseName, identity] = process.argv.slice(-3);
  const onChange = (isLeader) => console.log(isLeader ? "leading" : "following");
  new LeaderElection({ kubeConfig, namespace, leaseName, identity, onChange }).start();
`;

function startReplica(t: ExecutionContext, identity: string): ChildProcess {
  const child = spawn(process.execPath, ["--input-type=module", "-e", replica, "--", namespace, "killed", identity], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  return child;
}

test("a killed leader is followed within 15 seconds", async (t) => {
  const child = startReplica(t, "victim");
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  t.is(line, "leading");
  const successor = elect(t, "killed", "successor");
  await until(() => !successor.isLeader);
  // Killed after a renewal that the successor has seen, so that the whole Lease is waited for.
  const renewed = (await leaseOf("killed")).renewTime;
  let now = renewed;
  while (now === renewed) now = (await leaseOf("killed")).renewTime;
  child.kill("SIGKILL");
  const startedMs = performance.now();
  await until(() => successor.isLeader, 15_000);
  const tookMs = performance.now() - startedMs;
  t.true(tookMs > 7000, `only after the victim's own deadline: ${tookMs} ms`);
  t.log(`moved in ${Math.round(tookMs)} ms`);
  t.is((await leaseOf("killed")).holderIdentity, "successor");
});
