// README's part about Kubernetes, pasted as it stands, without the installation above it: it prints what it says. Its
// namespace is the reader's, task-api, which nobody may have yet; its local ports are free ones.
import test from "ava";
import { freePort } from "../../cli/up/workload/free-port.ts";
import { blocksOf, read, root } from "../docs/pages.ts";
import { kubectl, kubectlJson, shell, tryKubectl } from "./support/kubectl.ts";
import { waitFor } from "./support/wait-for.ts";

const namespace = "task-api";
const [, section = ""] = /^## On Kubernetes$([^]*?)^## /m.exec(read("README.md")) ?? [];
const [install, canary, printed, traces, commands] = blocksOf(section).map(({ lines }) => lines.join("\n"));
const pasteDeadlineMs = 180_000;
let isOurs = false;

interface Namespaces {
  readonly items: readonly { readonly status: { readonly phase: string } }[];
}

test.before("namespace", async () => {
  const { code } = await tryKubectl(["get", "namespace", namespace]);
  if (code === 0) throw new Error(`namespace ${namespace} exists: README's lines would change what is in it`);
  isOurs = true;
  // heddle check looks at the whole cluster, and a Gateway on its way out is not programmed.
  await waitFor("no namespace is being deleted", async () => {
    const { items } = await kubectlJson<Namespaces>("get", "namespaces");
    return items.every(({ status }) => status.phase !== "Terminating");
  });
});
test.after.always("delete namespace", async () => {
  if (isOurs) await tryKubectl(["delete", "namespace", namespace, "--wait=false"]);
});

test.serial("the canary's hundred requests, and its traces", async (t) => {
  t.regex(install ?? "", /kubectl apply -k manifests\/install/, "what is left out");
  const [gatewayPort, jaegerPort] = [await freePort(), await freePort()];
  const lines = `${canary}\necho traces:\n${traces}`
    .replaceAll("8080", String(gatewayPort))
    .replace("service/jaeger 16686", `service/jaeger ${jaegerPort}:16686`)
    .replace("localhost:16686", `localhost:${jaegerPort}`);
  // The port-forwards end with the reader's shell.
  const output = await shell(`cd ${JSON.stringify(root)}\ntrap 'kill $(jobs -p)' EXIT\n${lines}`, {
    deadlineMs: pasteDeadlineMs,
  });
  t.true(output.includes(`\n${printed}\n`), output);
  // Five, and those of an earlier reader.
  const found = Number(/traces:\n(?:Forwarding .*\n|Handling .*\n)*(\d+)\n/.exec(output)?.[1]);
  t.true(found >= 5, output);
});

test.serial("check, get and compare", async (t) => {
  const output = await shell(`cd ${JSON.stringify(root)}\nset -e\n${commands}`, { deadlineMs: pasteDeadlineMs });
  t.regex(output, /^\d+ passed, \d+ warnings?, 0 failed$/m);
  t.regex(output, /task-api-stable:8000 +95 +95% +\d+ +0$/m);
  t.regex(output, /task-api-canary:8000 +5 +5% +\d+ +0$/m);
  t.regex(output, /^stable +\d+ +0 .*\ncanary +\d+ +0 /m);
  await t.notThrowsAsync(kubectl(["-n", namespace, "get", "httproute", "task-api-canary"]));
});
