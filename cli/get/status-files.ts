// The statuses that a control plane wrote to a folder, read back. What cannot be read is left out.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { StatusObject } from "../../control-plane/status/status-object.ts";

interface Written {
  readonly kind: StatusObject["kind"];
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  readonly status: StatusObject["status"];
}

export function readStatusFiles(folder: string): readonly StatusObject[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));
  } catch {
    return [];
  }
  return names.toSorted().flatMap((name): readonly StatusObject[] => {
    try {
      const { kind, metadata, status } = parse(readFileSync(join(folder, name), "utf8")) as Written;
      const { namespace = "", generation = 0 } = metadata;
      return [{ kind, namespace, name: metadata.name, generation, status }];
    } catch {
      return [];
    }
  });
}
