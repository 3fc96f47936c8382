// The rules that send a pod's connections to its agent, as text of iptables-restore for one family. Pure: settings and
// the rules that are there -> the rules that are wanted, and the transaction that makes them so. Who runs it is main.ts.
//
// Rules are written the way iptables-save prints them, so that both can be compared. Their order is the reference order
// of meshes, each rule below with its reason. The proxy is known by its user alone: a rule for its group as well would
// let an application of that group pass unseen.
import { agentPorts, proxyUserId } from "../../proto/kubernetes.ts";
import type { AddressFamily, AddressRange } from "./address-range.ts";
import { rangeIncludes } from "./address-range.ts";

export interface CaptureSettings {
  readonly excludeInboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  /** Sources whose connections to the pod are left alone. */
  readonly excludeInboundAddresses: readonly AddressRange[];
  /** Destinations that the pod reaches without its agent. */
  readonly excludeOutboundAddresses: readonly AddressRange[];
}

const chains = {
  inbound: "HEDDLE_INBOUND",
  inboundRedirect: "HEDDLE_IN_REDIRECT",
  output: "HEDDLE_OUTPUT",
  outboundRedirect: "HEDDLE_REDIRECT",
} as const;

interface FamilyAddresses {
  readonly loopback: string;
  /** Source address of the agent's dials to the application. */
  readonly applicationSource: string;
  /** Where no network leads (RFC 5737, RFC 3849): dialled by the agent to see that its pod's calls reach it. */
  readonly captureCheck: string;
}

export const familyAddresses: Readonly<Record<AddressFamily, FamilyAddresses>> = {
  ipv4: { loopback: "127.0.0.1", applicationSource: "127.0.0.6", captureCheck: "192.0.2.1" },
  ipv6: { loopback: "::1", applicationSource: "::6", captureCheck: "2001:db8::1" },
};

/** The rules of one family in order, as iptables-save prints them: what leads to our chains, then what is in them. */
export function captureRules(settings: CaptureSettings, family: AddressFamily): readonly string[] {
  return [
    `-A PREROUTING -p tcp -j ${chains.inbound}`,
    `-A OUTPUT -p tcp -j ${chains.output}`,
    ...inboundRules(settings, family),
    `-A ${chains.inboundRedirect} -p tcp -j REDIRECT --to-ports ${agentPorts.inbound}`,
    ...outputRules(settings, family),
    `-A ${chains.outboundRedirect} -p tcp -j REDIRECT --to-ports ${agentPorts.outbound}`,
  ];
}

function inboundRules(settings: CaptureSettings, family: AddressFamily): readonly string[] {
  const to = (rule: string): string => `-A ${chains.inbound} ${rule}`;
  return [
    // Health is asked past the inbound listener, and whoever asks directly has not come through these rules.
    to(`-p tcp -m tcp --dport ${agentPorts.health} -j REDIRECT --to-ports ${agentPorts.capturedHealth}`),
    ...settings.excludeInboundPorts.map((port) => to(`-p tcp -m tcp --dport ${port} -j RETURN`)),
    ...ofFamily(settings.excludeInboundAddresses, family).map((range) => to(`${matching("-s", range)}-j RETURN`)),
    to(`-j ${chains.inboundRedirect}`),
  ];
}

function outputRules(settings: CaptureSettings, family: AddressFamily): readonly string[] {
  const { loopback, applicationSource, captureCheck } = familyAddresses[family];
  const length = family === "ipv4" ? 32 : 128;
  const to = (rule: string): string => `-A ${chains.output} ${rule}`;
  const proxy = `-m owner --uid-owner ${proxyUserId}`;
  const excluded = ofFamily(settings.excludeOutboundAddresses, family);
  const checkExcluded = excluded.some((range) => rangeIncludes(range, captureCheck));
  // A port of the agent's own cannot be meant.
  const ports = settings.excludeOutboundPorts.filter((port) => port !== agentPorts.captureCheck);
  return [
    // The agent's own check goes by the last rule like any call, unless what is excluded would keep it from there.
    ...(checkExcluded
      ? [
          to(
            `-d ${captureCheck}/${length} -p tcp -m tcp --dport ${agentPorts.captureCheck} -j ${chains.outboundRedirect}`,
          ),
        ]
      : []),
    ...ports.map((port) => to(`-p tcp -m tcp --dport ${port} -j RETURN`)),
    // The agent's dials to the application would come back to the agent for ever.
    to(`-s ${applicationSource}/${length} -o lo -j RETURN`),
    // A pod that calls itself through a Service enters by its inbound side, as calls of others do.
    to(`! -d ${loopback}/${length} -o lo ${proxy} -j ${chains.inboundRedirect}`),
    // What the application says to itself is its own.
    to(`-o lo -m owner ! --uid-owner ${proxyUserId} -j RETURN`),
    // What the agent sends out leaves. Before the excluded addresses, which are the application's.
    to(`! -d ${captureCheck}/${length} ${proxy} -j RETURN`),
    to(`-d ${loopback}/${length} -j RETURN`),
    ...excluded.map((range) => to(`${matching("-d", range)}-j RETURN`)),
    to(`-j ${chains.outboundRedirect}`),
  ];
}

function ofFamily(ranges: readonly AddressRange[], family: AddressFamily): readonly AddressRange[] {
  return ranges.filter((range) => range.family === family);
}

/** iptables-save prints no match for every address there is. */
function matching(option: "-s" | "-d", { address, prefixLength }: AddressRange): string {
  return prefixLength === 0 ? "" : `${option} ${address}/${prefixLength} `;
}

const ownChains: ReadonlySet<string> = new Set(Object.values(chains));

/** The rules of `saved`, what iptables-save prints of the table, that are in our chains or lead to them. */
export function presentRules(saved: string): readonly string[] {
  return saved.split("\n").flatMap((line) => {
    const rule = line.trim();
    const [, chain = "", target = ""] = /^-A (\S+) .*?(?:-[jg] (\S+).*)?$/.exec(rule) ?? [];
    return ownChains.has(chain) || ownChains.has(target) ? [rule] : [];
  });
}

/** Whether the rules that are there are the wanted ones, chain by chain in the same order, and no others. */
export function isApplied(wanted: readonly string[], saved: string): boolean {
  const present = presentRules(saved);
  return JSON.stringify(byChain(present)) === JSON.stringify(byChain(wanted));
}

function byChain(rules: readonly string[]): readonly string[] {
  // Sorting is stable: the order within a chain stays.
  const chainOf = (rule: string): string => rule.split(" ", 2)[1] ?? "";
  return rules.toSorted((one, other) => (chainOf(one) < chainOf(other) ? -1 : chainOf(one) > chainOf(other) ? 1 : 0));
}

/**
 * The text for `iptables-restore --noflush` that turns the table of `saved` into one with exactly the wanted rules of
 * ours, and leaves all others. One transaction: it happens as a whole or not at all. Naming a chain of ours empties it,
 * and what leads to it from elsewhere, however often, is taken out before it is put in once.
 */
export function captureTransaction(wanted: readonly string[], saved: string): string {
  const jumps = presentRules(saved).filter((rule) => !ownChains.has(rule.split(" ", 2)[1] ?? ""));
  return [
    "*nat",
    ...Object.values(chains).map((chain) => `:${chain} - [0:0]`),
    ...jumps.map((rule) => rule.replace(/^-A/, "-D")),
    ...wanted,
    "COMMIT",
    "",
  ].join("\n");
}
