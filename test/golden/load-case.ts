// A golden case as tests use it: its objects read as a folder's files are, translated, and made a snapshot.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Snapshot, SnapshotBuilder } from "../../control-plane/snapshot/snapshot.ts";
import { FolderLoader } from "../../control-plane/source/folder-loader.ts";
import { loadSchemas } from "../../control-plane/source/schemas.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { Translator } from "../../control-plane/translate/translate.ts";
import type { Translation } from "../../control-plane/translate/translation.ts";

const schemas = await loadSchemas();

/** Throws when an object is not valid (cases show what users can have) or when the snapshot contradicts itself. */
export function loadCase(name: string): { readonly translation: Translation; readonly snapshot: Snapshot } {
  const text = readFileSync(join(import.meta.dirname, name, "in.yaml"), "utf8");
  const loader = new FolderLoader(schemas, { defaultNamespace: "default", now: () => 0 });
  const { state, problems } = loader.load([{ path: `${name}/in.yaml`, text }]);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (state === null || errors.length > 0) throw new Error(errors.map(formatProblem).join("\n"));
  // Optional second line: "# programmed: namespace/name" marks a Gateway as acknowledged by an agent.
  const programmed = /^# programmed: (.+)$/m.exec(text)?.[1]?.split(", ") ?? [];
  const options = { controllerName: "heddle.dev/gateway-controller", programmedGateways: new Set(programmed) };
  const translation = new Translator().translate(state, options);
  const result = new SnapshotBuilder({ epoch: "golden" }).build(translation);
  if (!result.ok) throw new Error(result.faults.join("\n"));
  return { translation, snapshot: result.snapshot };
}
