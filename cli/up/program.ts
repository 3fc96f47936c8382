// Paths of the project's own programs, as sources or as the stripped JavaScript of a package.
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** For example programPath("agent/main"). */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`../../${name}${extname(import.meta.filename)}`, import.meta.url));
}
