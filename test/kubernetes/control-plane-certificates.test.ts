// The certificate authority done away with, as docs/identity.md says to when its key has leaked, while requests come in
// and pods are created: nobody notices, and in the end every agent verifies by the new one.
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import test from "ava";
import {
  caConfigMapName,
  caFile,
  containerNames,
  controlPlaneHost,
  controlPlanePorts,
  systemNamespace,
} from "../../proto/kubernetes.ts";
import { DisturbedMesh } from "./support/disturbed-mesh.ts";
import { heddle } from "./support/heddle.ts";
import { kubectl, kubectlJson, tryKubectl } from "./support/kubectl.ts";
import { forwardPort } from "./support/reach.ts";
import { readyReplicas } from "./support/replicas.ts";
import { waitFor } from "./support/wait-for.ts";

const mesh = DisturbedMesh.use(test);
const { namespace } = mesh;
const secretName = "heddle-ca-key";
const deployment = "deployment/heddle-control-plane";
const attemptEveryMs = 250;
/** The kubelet renews the files of ConfigMaps about once a minute. */
const filesRenewedWithinMs = 150_000;

function bundle(): Promise<string> {
  return kubectl(["-n", namespace, "get", "configmap", caConfigMapName, "-o", "jsonpath={.data.ca\\.crt}"]);
}

function certificatesOf(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

async function webhookBundles(): Promise<ReadonlySet<string>> {
  const { webhooks } = await kubectlJson<{ webhooks: readonly { clientConfig: { caBundle?: string } }[] }>(
    "get",
    "mutatingwebhookconfiguration",
    "heddle-injector",
  );
  return new Set(webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? "", "base64").toString()));
}

/** The certificate that a replica shows agents. */
async function shown(replica: string): Promise<X509Certificate> {
  const way = await forwardPort(systemNamespace, `pod/${replica}`, controlPlanePorts.discovery);
  try {
    return await new Promise((resolve, reject) => {
      const options = { host: way.host, port: way.port, servername: controlPlaneHost, ALPNProtocols: ["h2"] };
      const socket = connect({ ...options, rejectUnauthorized: false }, () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate === undefined) reject(new Error("no certificate"));
        else resolve(certificate);
      });
      socket.once("error", reject);
    });
  } finally {
    await way.close();
  }
}

/** Creates pods without keeping them, one after the other, until told to stop; resolves with what went wrong. */
function keepInjecting(): () => Promise<{ readonly attempts: number; readonly failures: readonly string[] }> {
  const pod = JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "never-created", namespace },
    spec: { containers: [{ name: "app", image: "example.com/none" }] },
  });
  const failures: string[] = [];
  let attempts = 0;
  let isOver = false;
  const done = (async () => {
    while (!isOver) {
      const create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
      const { code, stdout, stderr } = await tryKubectl(create, { stdin: pod });
      attempts++;
      if (code !== 0 || !stdout.includes(containerNames.proxy)) failures.push(stderr.trim());
      await new Promise((resolve) => setTimeout(resolve, attemptEveryMs));
    }
  })();
  return async () => {
    isOver = true;
    await done;
    return { attempts, failures };
  };
}

test.serial("heddle check vouches for every certificate", async (t) => {
  const { stdout } = await heddle("check", "-n", namespace);
  t.regex(stdout, /√ the authority's certificate is valid for \d+ days/);
  t.regex(stdout, /√ ConfigMap heddle-ca is in (all \d+ namespaces|the namespace) with agents/);
  for (const replica of await readyReplicas()) {
    t.regex(stdout, new RegExp(`√ the certificate of ${replica}'s webhook is verified by the CA bundle`));
    t.regex(stdout, new RegExp(`√ the certificate that ${replica} shows agents is verified by the CA bundle`));
  }
});

test.serial("the authority's Secret is deleted: no request fails, every pod is injected, agents follow", async (t) => {
  const [old] = certificatesOf(await bundle());
  t.truthy(old);
  await mesh.underLoad(t, async () => {
    const stopInjecting = keepInjecting();
    try {
      const startedMs = performance.now();
      const since = (): number => Math.round(performance.now() - startedMs);
      await kubectl(["-n", systemNamespace, "delete", "secret", secretName]);
      await waitFor("a new authority", async () => certificatesOf(await bundle())[0] !== old, { pollMs: 200 });
      t.log(`a new authority after ${since()} ms`);
      const renewed = await waitFor(
        "the old one is dropped",
        async () => {
          const now = certificatesOf(await bundle());
          return now.length === 1 && !now.includes(old!) && now[0];
        },
        { pollMs: 500 },
      );
      t.log(`the old one is dropped after ${since()} ms`);
      const authority = new X509Certificate(renewed);
      for (const replica of await readyReplicas()) {
        const certificate = await shown(replica);
        t.true(certificate.verify(authority.publicKey), `${replica} shows a certificate of the new one`);
      }
      await waitFor("the webhook's bundle", async () => {
        const bundles = [...(await webhookBundles())];
        return bundles.length === 1 && bundles[0] === (await bundle());
      });

      const expected = await bundle();
      const read = async (pod: string, container: string): Promise<string> => {
        const program = `process.stdout.write(require("node:fs").readFileSync("${caFile}"))`;
        return kubectl(["-n", namespace, "exec", pod, "-c", container, "--", "node", "-e", program]);
      };
      const edge = await kubectl([
        "-n",
        namespace,
        "get",
        "pods",
        "-o",
        "jsonpath={.items[0].metadata.name}",
        "-l",
        "gateway.networking.k8s.io/gateway-name=edge",
      ]);
      const server = await kubectl([
        "-n",
        namespace,
        "get",
        "pods",
        "-o",
        "jsonpath={.items[0].metadata.name}",
        "-l",
        "app=server",
      ]);
      const gatewayContainer = await kubectl([
        "-n",
        namespace,
        "get",
        "pod",
        edge,
        "-o",
        "jsonpath={.spec.containers[0].name}",
      ]);
      for (const [pod, container] of [
        [edge, gatewayContainer],
        [server, containerNames.proxy],
      ] as const) {
        await waitFor(`the file of ${pod} is renewed`, async () => (await read(pod, container)) === expected, {
          deadlineMs: filesRenewedWithinMs,
          pollMs: 2000,
        });
      }
      t.log(`agents' files are renewed after ${since()} ms`);
    } finally {
      const { attempts, failures } = await stopInjecting();
      t.log(`${attempts} pods tried`);
      t.deepEqual(failures, []);
    }
    // Every stream is opened anew, and verifies by the new authority alone.
    await kubectl(["-n", systemNamespace, "rollout", "restart", deployment]);
    await kubectl(["-n", systemNamespace, "rollout", "status", deployment, "--timeout=90s"], { deadlineMs: 95_000 });
    t.log("agents are back", await mesh.allConnected());
  });
  const { stdout } = await heddle("check", "-n", namespace);
  t.regex(stdout, /√ the authority's certificate is valid for 36\d days/);
});
