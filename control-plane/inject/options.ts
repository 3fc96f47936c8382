// A pod's annotations -> what its proxy is given. Owns their syntax and their messages: a wrong value names the
// annotation, the value and what is expected. One table of what can be said; docs/injection.md lists it.
import { annotations as names, labels } from "../../proto/kubernetes.ts";
import type { Pod } from "./pod.ts";
import { parseQuantity } from "./quantity.ts";
import { firstNativeSidecarVersion, logLevels, type InjectionSettings, type ProxyResources } from "./settings.ts";

/** Settings of one pod: the installation's, with the annotations over them. */
export interface PodOptions {
  readonly sidecar: "native" | "classic";
  /** Comma lists, without spaces and repetitions; "" for none. */
  readonly excludeInboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly excludeInboundAddresses: string;
  readonly excludeOutboundAddresses: string;
  readonly resources: ProxyResources;
  readonly logLevel: string;
  readonly traceSampling: string;
  readonly mirrorConcurrency: string;
}

export interface PodOptionsResult {
  readonly options: PodOptions;
  /** Any of them rejects the pod. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Entries of an exclusion list; each costs a rule that connections are compared with. */
const maxEntries = 100;

/** Returns the value in its one form, or says what was expected. */
type Parse = (text: string) => { readonly value: string } | { readonly expected: string };

const list =
  (what: string, isEntry: (entry: string) => boolean): Parse =>
  (text) => {
    const entries = [...new Set(text.split(",").map((entry) => entry.trim()))];
    if (text.trim() === "") return { value: "" };
    return entries.length <= maxEntries && entries.every(isEntry)
      ? { value: entries.join(",") }
      : { expected: `at most ${maxEntries} ${what}` };
  };

const ports = list("ports from 1 to 65535 with commas, such as 3306,6379", (entry) => wholeNumber(entry, 1, 65_535));
const addresses = list("addresses or CIDR ranges with commas, such as 10.0.0.0/8,fd00::1", isAddressRange);

const quantity =
  (example: string): Parse =>
  (text) => {
    const parsed = parseQuantity(text.trim());
    return parsed === null ? { expected: `a quantity above 0, such as ${example}` } : { value: parsed.text };
  };

const oneOf =
  (...choices: readonly string[]): Parse =>
  (text) =>
    choices.includes(text) ? { value: text } : { expected: `one of ${choices.join(", ")}` };

const sampling: Parse = (text) =>
  /^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text) ? { value: text } : { expected: "a number from 0 to 1, such as 0.05" };

const concurrency: Parse = (text) =>
  wholeNumber(text, 1, 65_536)
    ? { value: String(Number(text)) }
    : { expected: "a whole number from 1 to 65536, such as 32" };

/** Reads every annotation of a pod, so that all its mistakes are told at once. */
export function readPodOptions(pod: Pod, settings: InjectionSettings): PodOptionsResult {
  const given = pod.metadata?.annotations ?? {};
  const errors: string[] = [];
  const warnings = Object.keys(given)
    .filter((name) => name.startsWith("heddle.dev/") && !Object.values<string>(names).includes(name))
    .map((name) => `annotation ${name}: no such annotation, ignored`);
  const read = (name: string, parse: Parse, fallback: string): string => {
    const text = given[name];
    if (text === undefined) return fallback;
    const result = parse(text);
    if ("value" in result) return result.value;
    errors.push(`annotation ${name}: expected ${result.expected}, got ${JSON.stringify(text.slice(0, 100))}`);
    return fallback;
  };
  const native = settings.kubernetesMinorVersion >= firstNativeSidecarVersion;
  const sidecar = read(names.sidecar, oneOf("native", "classic"), native ? "native" : "classic");
  if (sidecar === "native" && !native) {
    errors.push(
      `annotation ${names.sidecar}: native needs Kubernetes 1.${firstNativeSidecarVersion}, this is 1.${settings.kubernetesMinorVersion}`,
    );
  }
  if (sidecar === "classic" && (pod.spec.restartPolicy ?? "Always") !== "Always") {
    warnings.push(
      "a classic sidecar goes on when the other containers have ended, and so does the pod: use a native one for Jobs",
    );
  }
  const label = pod.metadata?.labels?.[labels.podInject];
  if (label !== undefined && label !== "true" && label !== "false") {
    errors.push(`label ${labels.podInject}: expected "true" or "false", got ${JSON.stringify(label)}`);
  }
  const { resources } = settings;
  const cpu = quantity("100m");
  const memory = quantity("128Mi");
  const options: PodOptions = {
    sidecar: sidecar === "native" ? "native" : "classic",
    excludeInboundPorts: read(names.excludeInboundPorts, ports, ""),
    excludeOutboundPorts: read(names.excludeOutboundPorts, ports, ""),
    excludeInboundAddresses: read(names.excludeInboundAddresses, addresses, ""),
    excludeOutboundAddresses: read(names.excludeOutboundAddresses, addresses, ""),
    resources: {
      cpuRequest: read(names.cpuRequest, cpu, resources.cpuRequest),
      cpuLimit: read(names.cpuLimit, cpu, resources.cpuLimit),
      memoryRequest: read(names.memoryRequest, memory, resources.memoryRequest),
      memoryLimit: read(names.memoryLimit, memory, resources.memoryLimit),
    },
    logLevel: read(names.logLevel, oneOf(...logLevels), settings.logLevel),
    traceSampling: read(names.traceSampling, sampling, settings.traceSampling),
    mirrorConcurrency: read(names.mirrorConcurrency, concurrency, String(settings.mirrorConcurrency)),
  };
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = options.resources;
  checkRequest(given, [names.cpuRequest, cpuRequest], [names.cpuLimit, cpuLimit], errors);
  checkRequest(given, [names.memoryRequest, memoryRequest], [names.memoryLimit, memoryLimit], errors);
  return { options, errors, warnings };
}

/** The API server would refuse the pod for it without naming the annotation: the one that the pod has. */
function checkRequest(
  given: Readonly<Record<string, string>>,
  [requestName, request]: readonly [name: string, value: string],
  [limitName, limit]: readonly [name: string, value: string],
  errors: string[],
): void {
  const requested = parseQuantity(request);
  const limited = parseQuantity(limit);
  if (requested === null || limited === null || requested.milli <= limited.milli) return;
  errors.push(
    given[requestName] === undefined
      ? `annotation ${limitName}: expected at least ${request} (${requestName}), got ${JSON.stringify(limit)}`
      : `annotation ${requestName}: expected at most ${limit} (${limitName}), got ${JSON.stringify(request)}`,
  );
}

function wholeNumber(text: string, least: number, most: number): boolean {
  return /^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

/** An address of either family, or a range in CIDR notation. */
function isAddressRange(text: string): boolean {
  const [, address = "", length] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const isIpv6 = address.includes(":");
  // The URL standard's parser knows IPv6; of IPv4 it takes more notations than anybody should write.
  const valid = isIpv6
    ? URL.canParse(`http://[${address}]/`)
    : /^(\d{1,3}\.){3}\d{1,3}$/.test(address) &&
      address.split(".").every((part) => Number(part) <= 255 && String(Number(part)) === part);
  return valid && (length === undefined || Number(length) <= (isIpv6 ? 128 : 32));
}
