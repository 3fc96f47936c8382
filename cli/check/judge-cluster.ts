// Whether a cluster can take Heddle: its version, the Gateway API's definitions, the user's rights. Pure.
import { knownKinds } from "../../control-plane/source/kinds.ts";
import { Category, few, type CheckLine } from "./check-line.ts";
import type { ClusterFacts, Fact, RightFact } from "./facts.ts";

/** Sidecar containers are on by default from here on. */
const nativeSidecarMinor = 29;
/** The oldest that has what Heddle needs of the API: bundle versions are "vMAJOR.MINOR.PATCH". */
const oldestBundle = { major: 1, minor: 5 };
const howToGetDefinitions =
  "install them: kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.5.0/standard-install.yaml";
const gatewayGroup = "gateway.networking.k8s.io";

/** Null facts stop here: without a version nothing else was asked. */
export function judgeKubernetes({ kubernetes, server }: ClusterFacts): readonly CheckLine[] {
  const category = new Category("kubernetes");
  if (!kubernetes.ok) {
    category.fail(`the API server answers at ${server}`, kubernetes.reason);
    return category.lines;
  }
  category.pass(`the API server answers at ${server}`);
  const { major, minor, gitVersion } = kubernetes.value;
  const minorNumber = Number.parseInt(minor, 10);
  if (Number(major) === 1 && minorNumber < nativeSidecarMinor) {
    category.warn(
      `${gitVersion} has no native sidecars`,
      `from 1.${nativeSidecarMinor} on sidecars are native; here pods get classic ones: Jobs do not end by themselves`,
    );
  } else {
    category.pass(`${gitVersion} has native sidecars`);
  }
  return category.lines;
}

/** The definitions that Heddle reads, each with its bundle's version and channel. */
export function judgeDefinitions({ definitions }: ClusterFacts): readonly CheckLine[] {
  const category = new Category("gateway-api");
  if (!definitions.ok) {
    category.unknown("the Gateway API's definitions", definitions.reason);
    return category.lines;
  }
  const wanted = knownKinds.filter(({ group }) => group === gatewayGroup);
  for (const { kind } of wanted) {
    const name = `${kind === "GatewayClass" ? "gatewayclasses" : `${kind.toLowerCase()}s`}.${gatewayGroup}`;
    const found = definitions.value.find(({ metadata }) => metadata.name === name);
    if (found === undefined) {
      category.fail(`${name} exists`, howToGetDefinitions);
      continue;
    }
    if (!found.spec.versions.some((version) => version.name === "v1" && version.served)) {
      category.fail(`${name} serves v1`, howToGetDefinitions);
      continue;
    }
    const bundle = found.metadata.annotations?.[`${gatewayGroup}/bundle-version`] ?? "";
    const channel = found.metadata.annotations?.[`${gatewayGroup}/channel`] ?? "";
    if (!isNewEnough(bundle)) {
      category.fail(`${name} is v1.5 or newer, not ${bundle || "of an unknown version"}`, howToGetDefinitions);
    } else if (channel === "standard") {
      category.pass(`${name} is ${bundle}, standard channel`);
    } else {
      category.warn(
        `${name} is ${bundle}, ${channel || "unknown"} channel`,
        "Heddle is tested with the standard channel; the experimental one holds the same fields and more",
      );
    }
  }
  return category.lines;
}

function isNewEnough(bundle: string): boolean {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(bundle) ?? [];
  const [majorNumber, minorNumber] = [Number(major), Number(minor)];
  return majorNumber > oldestBundle.major || (majorNumber === oldestBundle.major && minorNumber >= oldestBundle.minor);
}

/** The rights that an installation takes. */
export function judgeRights(rights: Fact<readonly RightFact[]>): readonly CheckLine[] {
  const category = new Category("rights to install");
  if (!rights.ok) {
    category.unknown("your rights", rights.reason);
    return category.lines;
  }
  const missing = rights.value.filter(({ allowed }) => !allowed);
  for (const { right } of missing) {
    category.fail(`you may ${right}`, "ask a cluster administrator for it, or to install Heddle");
  }
  if (missing.length === 0) {
    category.pass(`you may create what manifests/install holds (${rights.value.length} rights)`);
  }
  return category.lines;
}

/** Whether something is installed already, before an installation. */
export function judgeAbsence(deployment: Fact<unknown>, namespaces: readonly string[]): readonly CheckLine[] {
  const category = new Category("installation");
  if (!deployment.ok && deployment.isMissing) {
    category.pass("no control plane is installed yet");
  } else if (deployment.ok) {
    category.warn(
      "a control plane is installed already",
      "applying manifests/install upgrades it; then run: heddle check",
    );
  } else {
    category.unknown("whether a control plane is installed", deployment.reason);
  }
  if (namespaces.length > 0) {
    category.pass(`namespaces labelled for injection: ${few(namespaces)}`);
  }
  return category.lines;
}
