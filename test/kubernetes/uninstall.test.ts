// docs/install.md's lines that uninstall, pasted one block after the other, on a cluster in use: traffic goes on, and
// nothing of Heddle is left. Not among the tests of an installation: it is over after this one.
import test from "ava";
import { caConfigMapName, containerNames, systemNamespace } from "../../proto/kubernetes.ts";
import { blocksOf, read, root } from "../docs/pages.ts";
import { Gateway, httpGateway, rolledOut } from "./support/gateway.ts";
import { applyObjects, injectionInForce } from "./support/injected-namespace.ts";
import { kubectl, kubectlJson, shell } from "./support/kubectl.ts";
import { deployment, programsConfigMap, readyByHttp, service } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["uninstall"], ["heddle.dev/injection=enabled"], "life");
const namespace = scenario.namespace("uninstall");
const [, section = ""] = /^## Uninstall$([^]*)/m.exec(read("docs/install.md")) ?? [];
const [webhookFirst, remaining, rest] = blocksOf(section).map(({ lines }) => lines.join("\n"));
const paste = (lines = ""): Promise<string> => shell(`cd ${JSON.stringify(root)}\n${lines}`, { deadlineMs: 150_000 });

interface Containers {
  readonly items: readonly {
    readonly metadata: { readonly deletionTimestamp?: string };
    readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  }[];
}

test.serial.before("a cluster in use", async () => {
  await injectionInForce(namespace);
  await applyObjects(
    namespace,
    await programsConfigMap(),
    httpGateway("entry"),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "web" },
      spec: { parentRefs: [{ name: "entry" }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
    },
    service("web", { app: "web" }),
    deployment("web", 1, { program: "server.ts", container: readyByHttp }),
  );
  await rolledOut(namespace, "web");
  const gateway = await Gateway.open({ name: "entry", namespace });
  await gateway.settled("web:80");
  await gateway.close();
});

test.serial("the webhook, the Gateways and the sidecars go, then the rest", async (t) => {
  const sidecars = async (): Promise<number> => {
    const { items } = await kubectlJson<Containers>("-n", namespace, "get", "pods");
    return items.filter(({ spec }) => spec.initContainers?.some(({ name }) => name === containerNames.proxy)).length;
  };
  t.is(await sidecars(), 1);
  t.log(await paste(webhookFirst));
  await waitFor("no pod has a sidecar", async () => (await paste(remaining)).trim() === "");
  await rolledOut(namespace, "web");
  t.is(await sidecars(), 0);
  t.log(await paste(rest));

  const left = async (...question: readonly string[]): Promise<string> =>
    (await kubectl(["get", ...question, "-o", "name", "--ignore-not-found"])).trim();
  t.is(await left("namespace", systemNamespace, "heddle-traces"), "");
  t.is(await left("gatewayclass", "heddle"), "");
  t.notRegex(await left("mutatingwebhookconfigurations,clusterroles,clusterrolebindings"), /heddle/);
  t.notRegex(await left("configmaps", "--all-namespaces"), new RegExp(`/${caConfigMapName}$`, "m"));
  const objects = ["deployments,services,serviceaccounts", "-l", "app.kubernetes.io/managed-by=heddle"];
  await waitFor("nothing of the Gateway is left", async () => (await left(...objects, "--all-namespaces")) === "");
  t.regex(await left("-n", namespace, "httproutes"), /\/web$/m, "routes stay");
});
