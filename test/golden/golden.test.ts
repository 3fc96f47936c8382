// Golden cases of translation: test/golden/<case>/in.yaml holds the objects, resources.yaml and status.yaml what comes
// of them. The first line of in.yaml says what the case is for and is its title. Run with HEDDLE_UPDATE_GOLDEN=1 to
// write what translation gives now; a file that belongs to no case fails.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import { asGatewayAgent, asSidecar } from "./agent.ts";
import { loadCase } from "./load-case.ts";
import { printResources, printStatuses } from "./print.ts";

const root = import.meta.dirname;
const update = process.env["HEDDLE_UPDATE_GOLDEN"] === "1";
const caseFiles = ["in.yaml", "resources.yaml", "status.yaml"];

for (const name of readdirSync(root)) {
  if (name.endsWith(".ts")) continue;
  const folder = join(root, name);
  const input = join(folder, "in.yaml");
  if (!existsSync(input)) {
    test(`${name} is a case`, (t) => t.fail(`test/golden/${name} has no in.yaml: remove it`));
    continue;
  }
  const purpose = /^# (.+)/.exec(readFileSync(input, "utf8"))?.[1];
  test(`${name}: ${purpose ?? ""}`, (t) => {
    t.truthy(purpose, "the first line of in.yaml is a comment that says what the case is for");
    const { translation, snapshot } = loadCase(name);
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
    for (const gateway of snapshot.gateways.keys()) t.notThrows(() => asGatewayAgent(snapshot, gateway));
    t.notThrows(() => asSidecar(snapshot, "client"));
  });
}
