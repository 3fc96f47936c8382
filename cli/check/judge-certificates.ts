// Whether certificates verify and last, and whether agents everywhere can verify the control plane. Pure.
import { X509Certificate } from "node:crypto";
import { caConfigMapKey, labels, systemNamespace } from "../../proto/kubernetes.ts";
import { controllerName } from "../folder/controller.ts";
import { Category, few, type CheckLine } from "./check-line.ts";
import type { ConfigMapObject, InstallationFacts, WebhookObject } from "./facts.ts";

const dayMs = 24 * 3_600_000;
/** The control plane renews its authority after two thirds of its life; past this it clearly did not. */
const authorityWarningMs = 30 * dayMs;
/** Serving certificates live a day and are renewed at about 60 %. */
const servingWarningMs = 2 * 3_600_000;
const logs = `kubectl -n ${systemNamespace} logs deployment/heddle-control-plane`;

/** Every caBundle decoded; "" when one is not set. */
export function caBundleOf({ webhooks = [] }: WebhookObject): string {
  const bundles = webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? "");
  return bundles.length === 0 || bundles.includes("") ? "" : Buffer.from(bundles[0] ?? "", "base64").toString("utf8");
}

/** The authority, what agents verify by, and what the control plane shows them. */
export function judgeCertificates(facts: InstallationFacts): readonly CheckLine[] {
  const category = new Category("certificates");
  const { bundle, certificates, nowMs, configMaps, namespaces } = facts;
  judgeAuthority(category, bundle, nowMs);
  for (const { pod, port, shown } of certificates) {
    if (port === "discovery") {
      judgeShown(category, `the certificate that ${pod} shows agents`, shown, nowMs);
    }
  }
  if (!configMaps.ok) {
    category.unknown("ConfigMaps heddle-ca", configMaps.reason);
  } else if (namespaces.ok && bundle !== "") {
    judgeConfigMaps(category, namespacesWithAgents(facts), configMaps.value, bundle);
  }
  return category.lines;
}

function judgeAuthority(category: Category, bundle: string, nowMs: number): void {
  let expiries: readonly number[];
  try {
    expiries = certificatesOf(bundle).map((pem) => Date.parse(new X509Certificate(pem).validTo));
  } catch (error) {
    category.fail("the CA bundle can be read", `${String(error)}; see ${logs}`);
    return;
  }
  if (expiries.length === 0) {
    return;
  }
  // During a rotation the new authority is there beside the old: the longest counts.
  const leftMs = Math.max(...expiries) - nowMs;
  const what = `the authority's certificate is valid for ${describeTime(leftMs)}`;
  if (leftMs <= 0) {
    category.fail("the authority's certificate is valid", `it has expired: see ${logs}`);
  } else if (leftMs < authorityWarningMs) {
    category.warn(what, `the leader should have renewed it: see ${logs}`);
  } else {
    category.pass(what);
  }
}

/** One certificate that a port shows. */
export function judgeShown(
  category: Category,
  what: string,
  shown: InstallationFacts["certificates"][number]["shown"],
  nowMs: number,
): void {
  if (!shown.ok) {
    category.unknown(what, shown.reason);
    return;
  }
  const { fault, notAfterMs } = shown.value;
  const leftMs = notAfterMs - nowMs;
  if (fault !== "") {
    category.fail(`${what} is verified by the CA bundle`, `${fault}; see ${logs}`);
  } else if (leftMs < servingWarningMs) {
    category.warn(`${what} is valid for ${describeTime(leftMs)}`, `it should have been renewed: see ${logs}`);
  } else {
    category.pass(`${what} is verified by the CA bundle, and valid for ${describeTime(leftMs)}`);
  }
}

function judgeConfigMaps(
  category: Category,
  wanted: readonly string[],
  configMaps: readonly ConfigMapObject[],
  bundle: string,
): void {
  const byNamespace = new Map(
    configMaps.map((map) => [map.metadata.namespace ?? "", map.data?.[caConfigMapKey] ?? ""]),
  );
  const missing = wanted.filter((namespace) => !byNamespace.has(namespace));
  const different = wanted.filter((namespace) => {
    const held = byNamespace.get(namespace);
    return held !== undefined && !sharesCertificate(held, bundle);
  });
  if (missing.length > 0) {
    category.fail(
      `ConfigMap heddle-ca is in ${few(missing)}`,
      `agents there cannot start: the leader makes it, see ${logs}`,
    );
  }
  if (different.length > 0) {
    category.fail(
      `ConfigMap heddle-ca holds the authority in ${few(different)}`,
      "agents there cannot verify the control plane: delete it, and the leader makes it again",
    );
  }
  if (missing.length + different.length === 0 && wanted.length > 0) {
    category.pass(
      `ConfigMap heddle-ca is in ${wanted.length === 1 ? "the namespace" : `all ${wanted.length} namespaces`} with agents`,
    );
  }
}

function sharesCertificate(one: string, other: string): boolean {
  const plain = (pem: string): string => pem.replaceAll(/\s/g, "");
  const known = new Set(certificatesOf(other).map(plain));
  return certificatesOf(one).some((pem) => known.has(plain(pem)));
}

function certificatesOf(bundle: string): readonly string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

/** Labelled for injection, or with a Gateway of ours. */
function namespacesWithAgents({ namespaces, gateways, gatewayClasses }: InstallationFacts): readonly string[] {
  const names = new Set<string>();
  for (const { metadata } of namespaces.ok ? namespaces.value : []) {
    if (metadata.labels?.[labels.namespaceInjection] === "enabled" && metadata.deletionTimestamp === undefined) {
      names.add(metadata.name);
    }
  }
  const ours = new Set(
    (gatewayClasses.ok ? gatewayClasses.value : [])
      .filter(({ spec }) => spec.controllerName === controllerName)
      .map(({ metadata }) => metadata.name),
  );
  for (const { metadata, spec } of gateways.ok ? gateways.value : []) {
    if (ours.has(spec.gatewayClassName)) {
      names.add(metadata.namespace ?? "");
    }
  }
  return [...names].toSorted();
}

function describeTime(ms: number): string {
  const days = ms / dayMs;
  return days >= 2 ? `${Math.floor(days)} days` : `${Math.max(0, Math.round(ms / 3_600_000))} hours`;
}
