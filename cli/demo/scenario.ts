// The demo's folder: a copy of scenario/ in a temporary directory, with the sample server beside it and a free port for
// the Gateway, so that the demo never meets another program's port or leaves a changed file behind.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../up/workload/free-port.ts";

export interface Scenario {
  readonly folder: string;
  readonly gatewayPort: number;
  /** Saves a file once with every `from` replaced by its `to`, as an editor would; throws when one is not in it. */
  edit(file: string, replacements: Readonly<Record<string, string>>): Promise<void>;
  remove(): Promise<void>;
}

const source = fileURLToPath(new URL("./scenario", import.meta.url));
const server = fileURLToPath(new URL("../../manifests/samples/task-api/server.mjs", import.meta.url));

export async function makeScenario(): Promise<Scenario> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-demo-"));
  await cp(source, folder, { recursive: true });
  await cp(server, join(folder, "server.mjs"));
  const edit: Scenario["edit"] = async (file, replacements) => {
    const path = join(folder, file);
    let text = await readFile(path, "utf8");
    for (const [from, to] of Object.entries(replacements)) {
      if (!text.includes(from)) {
        throw new Error(`${file} does not contain ${JSON.stringify(from)}`);
      }
      text = text.replace(from, to);
    }
    await writeFile(path, text);
  };
  const gatewayPort = await freePort();
  await edit("gateway.yaml", { "port: 80": `port: ${gatewayPort}` });
  return { folder, gatewayPort, edit, remove: () => rm(folder, { recursive: true, force: true }) };
}
