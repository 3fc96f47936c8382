// What the capture program is told by its environment: one table of fields, read and validated together. Pure.
import type { AddressRange } from "./address-range.ts";
import { parseAddressRange } from "./address-range.ts";
import type { CaptureSettings } from "./rules.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type CaptureSettingsResult = { readonly settings: CaptureSettings } | { readonly errors: readonly string[] };

/** Entries of one list; each costs a rule that connections are compared with. */
const maxEntries = 100;

const ports = { expected: "ports from 1 to 65535, for example 3306,6379", parse: parsePort };
const addresses = { expected: "addresses or ranges, for example 10.0.0.0/8,fd00::1", parse: parseAddressRange };

const fields = {
  excludeInboundPorts: {
    name: "HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS",
    about: "ports of the pod that others reach without the agent",
    ...ports,
  },
  excludeOutboundPorts: {
    name: "HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS",
    about: "ports that the pod calls without the agent",
    ...ports,
  },
  excludeInboundAddresses: {
    name: "HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES",
    about: "callers that reach the pod without the agent",
    ...addresses,
  },
  excludeOutboundAddresses: {
    name: "HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES",
    about: "addresses that the pod calls without the agent",
    ...addresses,
  },
} as const;

function parsePort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

/** Every error at once, each with the variable's name, the entry that is wrong and what was expected. */
export function parseCaptureSettings(environment: Environment): CaptureSettingsResult {
  const errors: string[] = [];
  const readList = <Value>(field: {
    readonly name: string;
    readonly expected: string;
    readonly parse: (text: string) => Value | null;
  }): readonly Value[] => {
    const given = (environment[field.name] ?? "").trim();
    if (given === "") return [];
    const entries = [...new Set(given.split(",").map((entry) => entry.trim()))];
    if (entries.length > maxEntries) {
      errors.push(`${field.name} must have at most ${maxEntries} entries, not ${entries.length}`);
      return [];
    }
    return entries.flatMap((entry) => {
      const value = field.parse(entry);
      if (value !== null) return [value];
      errors.push(`${field.name} must be ${field.expected}, not "${entry}"`);
      return [];
    });
  };
  const settings: CaptureSettings = {
    excludeInboundPorts: readList<number>(fields.excludeInboundPorts),
    excludeOutboundPorts: readList<number>(fields.excludeOutboundPorts),
    excludeInboundAddresses: readList<AddressRange>(fields.excludeInboundAddresses),
    excludeOutboundAddresses: readList<AddressRange>(fields.excludeOutboundAddresses),
  };
  return errors.length > 0 ? { errors } : { settings };
}

/** The table for people. */
export function describeCaptureSettings(): string {
  const rows = Object.values(fields).map(({ name, about }) => `  ${name.padEnd(42)} ${about}`);
  return `Capture is configured by its environment, lists with commas:\n${rows.join("\n")}`;
}
