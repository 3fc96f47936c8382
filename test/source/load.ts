// Loads text as the folder source would, without a folder.
import { FolderLoader, type FileText, type Loaded } from "../../control-plane/source/folder-loader.ts";
import { loadSchemas } from "../../control-plane/source/schemas.ts";
import { formatProblem } from "../../control-plane/source/source.ts";

const schemas = await loadSchemas();

/** A loader with nothing in it; its clock stands at one second. */
export function newLoader(defaultNamespace = "default"): FolderLoader {
  return new FolderLoader(schemas, { defaultNamespace, now: () => 1000 });
}

/** Files by path. */
export function filesOf(texts: Readonly<Record<string, string>>): FileText[] {
  return Object.entries(texts).map(([path, text]) => ({ path, text }));
}

/** One file, freshly loaded. */
export function loadText(text: string, path = "objects.yaml"): Loaded {
  return newLoader().load([{ path, text }]);
}

/** Every problem as one line, with its severity where it is only a warning. */
export function lines(loaded: Loaded): string[] {
  return loaded.problems.map((problem) => (problem.severity === "error" ? "" : "warning: ") + formatProblem(problem));
}

/** An HTTPRoute with the given spec, as text. */
export function routeWith(spec: object): string {
  return JSON.stringify({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "route", namespace: "shop" },
    spec,
  });
}
