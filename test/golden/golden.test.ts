// Golden cases of translation: test/golden/<case>/in.yaml holds the objects, resources.yaml and status.yaml what comes
// of them. The first line of in.yaml says what the case is for and is its title. Run with HEDDLE_UPDATE_GOLDEN=1 to
// write what translation gives now; a file that belongs to no case fails.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import { printResources, printStatuses } from "./print.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { FolderLoader } from "../../control-plane/source/folder-loader.ts";
import { loadSchemas } from "../../control-plane/source/schemas.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { SnapshotBuilder } from "../../control-plane/snapshot/snapshot.ts";
import { Translator } from "../../control-plane/translate/translate.ts";

const root = import.meta.dirname;
const update = process.env["HEDDLE_UPDATE_GOLDEN"] === "1";
const ownFiles = new Set(["golden.test.ts", "print.ts"]);
const caseFiles = ["in.yaml", "resources.yaml", "status.yaml"];

const schemas = await loadSchemas();

/** Objects of a case, read as a folder's are; they must be valid, so that cases show what users can have. */
function loadState(text: string): ClusterState {
  const loader = new FolderLoader(schemas, { defaultNamespace: "default", now: () => 0 });
  const { state, problems } = loader.load([{ path: "in.yaml", text }]);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (state === null || errors.length > 0) throw new Error(errors.map(formatProblem).join("\n"));
  return state;
}

for (const name of readdirSync(root)) {
  if (ownFiles.has(name)) continue;
  const folder = join(root, name);
  const input = join(folder, "in.yaml");
  if (!existsSync(input)) {
    test(`${name} is a case`, (t) => t.fail(`test/golden/${name} has no in.yaml: remove it`));
    continue;
  }
  const text = readFileSync(input, "utf8");
  const purpose = /^# (.+)/.exec(text)?.[1];
  test(`${name}: ${purpose ?? ""}`, (t) => {
    t.truthy(purpose, "the first line of in.yaml is a comment that says what the case is for");
    // Optional second line: "# programmed: namespace/name" marks a Gateway as acknowledged by an agent.
    const programmed = /^# programmed: (.+)$/m.exec(text)?.[1]?.split(", ") ?? [];
    const options = { controllerName: "heddle.dev/gateway-controller", programmedGateways: new Set(programmed) };
    const translation = new Translator().translate(loadState(text), options);
    t.like(new SnapshotBuilder({ epoch: "golden" }).build(translation), { ok: true }, "every name leads somewhere");
    const actual = {
      "resources.yaml": stringify(printResources(translation), { lineWidth: 0 }),
      "status.yaml": stringify(printStatuses(translation.statuses), { lineWidth: 0 }),
    };
    for (const [file, content] of Object.entries(actual)) {
      const path = join(folder, file);
      if (update) writeFileSync(path, content);
      else t.is(content, existsSync(path) ? readFileSync(path, "utf8") : "", `${name}/${file}`);
    }
    t.deepEqual(readdirSync(folder).sort(), caseFiles, "no file that nothing reads");
  });
}
