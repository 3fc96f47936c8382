// Kubernetes resource quantities: reading, comparing, and the one form that the API server writes them in, so that
// what injection wrote is not taken for changed when it comes back. Pure.

export interface Quantity {
  /** In thousandths: of a core, of a byte. */
  readonly milli: bigint;
  /** As the API server prints it. */
  readonly text: string;
}

const binary = ["Ki", "Mi", "Gi", "Ti", "Pi"] as const;
const decimal = ["k", "M", "G", "T", "P"] as const;

/** Reads a positive quantity of at most three decimals; null when it is none. No exponents ("1e3"), no sign. */
export function parseQuantity(text: string): Quantity | null {
  const [, whole, fraction = "", suffix = ""] = /^(\d{1,15})(?:\.(\d{1,3}))?(m|[kMGTP]|[KMGTP]i)?$/.exec(text) ?? [];
  if (whole === undefined || (suffix === "m" && fraction !== "")) return null;
  const isBinary = suffix.endsWith("i");
  const power = suffix === "" || suffix === "m" ? 0 : [...(isBinary ? binary : decimal)].indexOf(suffix as never) + 1;
  const thousandths = BigInt(whole) * 1000n + BigInt(fraction.padEnd(3, "0"));
  const milli = suffix === "m" ? BigInt(whole) : thousandths * (isBinary ? 1024n : 1000n) ** BigInt(power);
  return milli > 0n ? { milli, text: canonical(milli, isBinary) } : null;
}

/** No fractional digits, and the largest suffix that allows it (resource.Quantity's canonical form). */
function canonical(milli: bigint, isBinary: boolean): string {
  if (milli % 1000n !== 0n) return `${milli}m`;
  let value = milli / 1000n;
  let suffix = "";
  const step = isBinary ? 1024n : 1000n;
  for (const larger of isBinary ? binary : decimal) {
    if (value % step !== 0n) break;
    value /= step;
    suffix = larger;
  }
  return `${value}${suffix}`;
}
