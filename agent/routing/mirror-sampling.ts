// Whether a request is copied to a mirror: an independent random draw per request and mirror (HTTPRequestMirrorFilter
// percent and fraction), unlike the split, which is exact.
import type { Random } from "./random.ts";
import type { CompiledMirror } from "../snapshot/compiled.ts";

export function drawMirror(mirror: CompiledMirror, random: Random): boolean {
  if (mirror.numerator >= mirror.denominator) return true;
  return mirror.numerator > 0 && random() * mirror.denominator < mirror.numerator;
}
