// The program of the init container: environment -> validated settings -> rules of both families -> exit. Run again at
// any time, after any end, it leaves the same rules. The only place here that prints and exits.
// Exit codes: 0 captured, IPv6 perhaps skipped with its reason; 1 not captured; 2 wrong settings.
import type { AddressFamily } from "./address-range.ts";
import { addApplicationSource, hasIpv6 } from "./loopback-address.ts";
import type { CaptureOutcome } from "./packet-filter.ts";
import { applyCapture } from "./packet-filter.ts";
import { describeCaptureSettings, parseCaptureSettings } from "./settings.ts";

const parsed = parseCaptureSettings(process.env);
if ("errors" in parsed) {
  for (const error of parsed.errors) process.stderr.write(`heddle capture: ${error}\n`);
  process.stderr.write(`\n${describeCaptureSettings()}\n`);
  process.exit(2);
}
const { settings } = parsed;

const names: Readonly<Record<AddressFamily, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

function tell(family: AddressFamily, outcome: CaptureOutcome): string {
  if (outcome.kind === "failed") return `${names[family]} not captured: ${outcome.reasons.join("; ")}`;
  for (const rule of outcome.rules) process.stdout.write(`${outcome.program} ${rule}\n`);
  const verb = outcome.kind === "applied" ? "applied" : "already there";
  return `${names[family]} captured: ${outcome.rules.length} rules ${verb}, by ${outcome.program}`;
}

function captureIpv6(): string {
  if (!hasIpv6()) return "IPv6 skipped: the kernel has none here";
  const outcome = applyCapture(settings, "ipv6");
  const told = tell("ipv6", outcome);
  const problem = outcome.kind === "failed" ? "" : addApplicationSource();
  return problem === "" ? told : `${told}, but ${problem}`;
}

const ipv4 = applyCapture(settings, "ipv4");
const summary = [tell("ipv4", ipv4), captureIpv6()].join(". ");
(ipv4.kind === "failed" ? process.stderr : process.stdout).write(`heddle capture: ${summary}\n`);
process.exitCode = ipv4.kind === "failed" ? 1 : 0;
