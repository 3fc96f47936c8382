import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { ResourceSet } from "../snapshot/resources.ts";
import { LastGoodFile } from "./last-good.ts";
import { emptyResourceSet } from "./resource-set.ts";

interface Place {
  readonly path: string;
  readonly folder: string;
  readonly warnings: string[];
  readonly file: LastGoodFile;
}

async function place(t: ExecutionContext, maxBytes = 1_000_000): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-last-good-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "state", "last-good");
  const warnings: string[] = [];
  const warn = (fields: Readonly<Record<string, unknown>>): void => void warnings.push(String(fields["reason"]));
  const logger = { debug() {}, info() {}, error() {}, warn };
  return { path, folder, warnings, file: new LastGoodFile({ path, logger, maxBytes }) };
}

function setOf(generation: string, count = 1): ResourceSet {
  const endpoints = Array.from({ length: count }, (_, index) => ({
    address: `10.0.0.${index}`,
    port: 80,
    workloadVersion: "v1",
    pod: "shop/ünï",
  }));
  return {
    ...emptyResourceSet,
    generation,
    endpoints: new Map([["shop/cart:80", { name: "shop/cart:80", version: "abc", endpoints }]]),
    answers: new Map([["frontend:cart:80", { state: "found" as const, listeners: ["shop/cart:80"], workload: "" }]]),
  };
}

test("what was saved is loaded, and nothing else is left in the folder", async (t) => {
  const { file, path } = await place(t);
  t.is(await file.load(), null);
  await file.save(setOf("a.1"));
  t.deepEqual(await file.load(), setOf("a.1"));
  t.deepEqual(await readdir(join(path, "..")), ["last-good"]);
});

test("saves while one is written end with the newest", async (t) => {
  const { file } = await place(t);
  await Promise.all(["a.1", "a.2", "a.3", "a.4"].map((generation) => file.save(setOf(generation))));
  t.is((await file.load())?.generation, "a.4");
});

test("any byte changed, and any cut, makes the file as good as none, and says why", async (t) => {
  const { file, path, warnings } = await place(t);
  await file.save(setOf("a.1"));
  const good = await readFile(path);
  const step = Math.ceil(good.length / 60);
  for (let index = 0; index < good.length; index += step) {
    const changed = Buffer.from(good);
    changed[index] = (changed[index] ?? 0) ^ 0x10;
    await writeFile(path, changed);
    t.is(await file.load(), null, `byte ${index}`);
    await writeFile(path, good.subarray(0, index));
    t.is(await file.load(), null, `cut at ${index}`);
  }
  t.true(warnings.includes("Error: the checksum does not match"));
  t.true(warnings.includes("Error: not a last-good snapshot"));
});

test("another format is not read", async (t) => {
  const { file, path, warnings } = await place(t);
  await file.save(setOf("a.1"));
  await writeFile(path, (await readFile(path, "utf8")).replace("heddle-last-good 1 ", "heddle-last-good 99 "));
  t.is(await file.load(), null);
  t.deepEqual(warnings, ["Error: format 99, this agent reads 1"]);
});

test("a set above the bound is not written and the old file stays; a file above it is not read", async (t) => {
  const { file, path, warnings } = await place(t, 2000);
  await file.save(setOf("a.1"));
  await file.save(setOf("a.2", 100));
  t.is((await file.load())?.generation, "a.1");
  t.regex(warnings[0]!, /more than 2000/);
  await writeFile(path, Buffer.alloc(3000));
  t.is(await file.load(), null);
});

test("a place that cannot be written is logged and harms nothing", async (t) => {
  const { folder } = await place(t);
  const warnings: string[] = [];
  const warn = (_fields: unknown, message: string): void => void warnings.push(message);
  await writeFile(join(folder, "file"), "");
  const path = join(folder, "file", "below");
  const blocked = new LastGoodFile({ path, logger: { debug() {}, info() {}, error() {}, warn } });
  await blocked.save(setOf("a.1"));
  t.deepEqual(warnings, ["could not save the last-good snapshot"]);
});
