// What is committed in proto/generated is what the .proto files say, and the loader's options agree with it.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { decodeResource, encodeResource } from "../../proto/discovery.ts";

const root = join(import.meta.dirname, "../..");

async function readTree(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return Object.fromEntries(files.map((file, index) => [file.slice(folder.length + 1), contents[index]!]));
}

test("npm run generate would change nothing", async (t) => {
  const target = await mkdtemp(join(tmpdir(), "heddle-generated-"));
  t.teardown(() => rm(target, { recursive: true }));
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const [generator, ...options] = (scripts.generate as string).split(" ");
  t.is(generator, "proto-loader-gen-types");
  const script = join(root, "node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js");
  const redirected = options.map((option) => (option === "proto/generated" ? target : option));
  t.notDeepEqual(redirected, options);
  await promisify(execFile)(process.execPath, [script, ...redirected], { cwd: root });
  t.deepEqual(await readTree(target), await readTree(join(root, "proto/generated")));
});

test("a decoded message has every field, as the generated types promise", (t) => {
  const bytes = encodeResource("ROUTE", {
    rules: [
      {
        name: "",
        matches: [{ pathType: "PATH_PREFIX", path: "/", headers: [], queryParameters: [], method: "" }],
        requestHeaders: null,
        responseHeaders: { set: [], add: [{ name: "X-Version", value: "v1" }], remove: [] },
        mirrors: [],
        backends: [],
        unsupported: "",
      },
    ],
  });
  t.deepEqual(decodeResource("ROUTE", bytes), {
    rules: [
      {
        name: "",
        matches: [{ pathType: "PATH_PREFIX", path: "/", headers: [], queryParameters: [], method: "" }],
        requestHeaders: null,
        responseHeaders: { set: [], add: [{ name: "X-Version", value: "v1" }], remove: [] },
        mirrors: [],
        backends: [],
        unsupported: "",
      },
    ],
  });
  t.deepEqual(decodeResource("CLUSTER", Buffer.alloc(0)), { protocol: "HTTP1", defaultWorkloadVersion: "" });
});
