// A real folder, real file system events: what an editor does to files, and when the state follows.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { FolderSource, type FolderSourceOptions } from "../../control-plane/source/folder-source.ts";
import { OverlaySource } from "../../control-plane/source/overlay-source.ts";
import { type StateOrigin, formatProblem } from "../../control-plane/source/source.ts";
import { bestMedian } from "../support/median.ts";
import { until } from "../support/until.ts";

interface Watched {
  readonly folder: string;
  readonly source: FolderSource;
  readonly states: ClusterState[];
  readonly origins: StateOrigin[];
  readonly write: (name: string, text: string) => void;
  readonly names: () => string[];
}

const namespace = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n`;

function newFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "heddle-source-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// The rescan is slow here, so that only events can be what makes a test pass.
async function watchFolder(t: ExecutionContext, options: Partial<FolderSourceOptions> = {}): Promise<Watched> {
  const folder = newFolder(t);
  writeFileSync(join(folder, "first.yaml"), namespace("first"));
  const source = new FolderSource({ folder, rescanMs: 60_000, ...options });
  const states: ClusterState[] = [];
  const origins: StateOrigin[] = [];
  source.onChange((state, origin) => {
    states.push(state);
    origins.push(origin);
  });
  t.teardown(() => source.close());
  await source.start();
  return {
    folder,
    source,
    states,
    origins,
    write: (name, text) => writeFileSync(join(folder, name), text),
    names: () => [...(source.current()?.namespaces.keys() ?? [])],
  };
}

const problems = (source: FolderSource): string[] => source.problems().map(formatProblem);

test("the folder is read once at the start", async (t) => {
  const { states, origins, names } = await watchFolder(t);
  t.is(states.length, 1);
  t.is(origins[0]!.cause, "start");
  t.deepEqual(names(), ["first"]);
});

test("a folder that is none is refused", async (t) => {
  const source = new FolderSource({ folder: join(tmpdir(), "heddle-no-such-folder") });
  await t.throwsAsync(source.start(), { message: /^not a folder: / });
  await source.close();
});

test.serial("an edit applies within 200 ms", async (t) => {
  const { write, states } = await watchFolder(t);
  const milliseconds = await bestMedian(3, 200, async () => {
    const delays: number[] = [];
    for (let edit = 0; edit < 11; edit++) {
      const count = states.length;
      const startedMs = performance.now();
      write("first.yaml", namespace(`edit-${count}`));
      await until(() => states.length > count);
      delays.push(performance.now() - startedMs);
    }
    return delays;
  });
  t.log(`median ${milliseconds.toFixed(0)} ms`);
  t.true(milliseconds < 200, `${milliseconds} ms`);
});

test("T8 a burst of edits ends with the last one, in fewer states than edits, each of them whole", async (t) => {
  const { write, names, states } = await watchFolder(t);
  const pair = (edit: number): string => `${namespace(`left-${edit}`)}---\n${namespace(`right-${edit}`)}`;
  for (let edit = 0; edit < 200; edit++) write("first.yaml", pair(edit));
  await until(() => names().includes("right-199"));
  t.true(states.length < 200);
  for (const state of states.slice(1)) {
    const [left, right] = [...state.namespaces.keys()];
    t.is(left!.replace("left", ""), right!.replace("right", ""));
  }
});

test("a broken file is reported once, the last good state stays; mended, it applies", async (t) => {
  const { write, names, source, states } = await watchFolder(t);
  let reports = 0;
  source.onProblem(() => (reports += 1));
  write("second.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: Second}\n");
  await until(() => source.problems().length > 0);
  t.deepEqual(problems(source), [
    'second.yaml:3:12: Namespace Second: metadata.name: expected a lower-case DNS label of at most 63 characters, got "Second"',
  ]);
  write("first.yaml", namespace("edited"));
  write("second.yaml", namespace("second"));
  await until(() => names().length === 2);
  t.deepEqual(names(), ["edited", "second"]);
  t.deepEqual(problems(source), []);
  t.is(reports, 2);
  t.is(states.length, 2);
});

test("a folder that is broken at the start is served once it is mended", async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, "a.yaml"), "kind: [");
  const source = new FolderSource({ folder, rescanMs: 60_000 });
  t.teardown(() => source.close());
  await source.start();
  t.is(source.current(), null);
  t.is(source.problems().length, 1);
  writeFileSync(join(folder, "a.yaml"), namespace("a"));
  await until(() => source.current() !== null);
  t.deepEqual([...source.current()!.namespaces.keys()], ["a"]);
});

test("saving by rename, as editors do, is an edit like any other", async (t) => {
  const { folder, write, names } = await watchFolder(t);
  write(".first.yaml.swp", "half");
  write("first.yaml~", "old");
  write(".new", namespace("renamed"));
  renameSync(join(folder, ".new"), join(folder, "first.yaml"));
  await until(() => names().includes("renamed"));
  t.deepEqual(names(), ["renamed"]);
});

test("truncating and writing again never publishes the moment in between", async (t) => {
  const { write, names, states } = await watchFolder(t);
  for (let edit = 0; edit < 10; edit++) {
    write("first.yaml", "");
    write("first.yaml", namespace(`edit-${edit}`));
    await until(() => names().includes(`edit-${edit}`));
  }
  t.true(states.every(({ namespaces }) => namespaces.size === 1));
});

test("new, deleted and renamed files and folders are followed, also folders in folders", async (t) => {
  const { folder, write, names } = await watchFolder(t);
  mkdirSync(join(folder, "a/b/c"), { recursive: true });
  write("a/b/c/deep.yaml", namespace("deep"));
  await until(() => names().includes("deep"));
  write("a/b/c/deep.yaml", namespace("deeper"));
  await until(() => names().includes("deeper"));
  renameSync(join(folder, "a"), join(folder, "z"));
  write("first.yaml", namespace("after-rename"));
  await until(() => names().includes("after-rename"));
  t.deepEqual(names(), ["after-rename", "deeper"]);
  write("z/b/c/deep.yaml", namespace("deepest"));
  await until(() => names().includes("deepest"));
  rmSync(join(folder, "z"), { recursive: true });
  await until(() => names().length === 1);
  mkdirSync(join(folder, "z/b"), { recursive: true });
  write("z/b/again.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "again" } }));
  await until(() => names().includes("again"));
  t.deepEqual(names(), ["after-rename", "again"]);
});

test("dot-folders, node_modules, other files and pipes are not read", async (t) => {
  const { folder, write, names, source } = await watchFolder(t);
  for (const name of [".heddle", ".git", "node_modules"]) {
    mkdirSync(join(folder, name));
    write(`${name}/x.yaml`, "kind: [");
  }
  write("notes.txt", "kind: [");
  execFileSync("mkfifo", [join(folder, "pipe.yaml")]);
  symlinkSync(folder, join(folder, "circle"));
  symlinkSync("../nowhere.yaml", join(folder, "dangling.yaml"));
  write("last.yml", namespace("last"));
  await until(() => names().includes("last"));
  t.deepEqual(problems(source), []);
});

test("bytes that are no UTF-8 and files that cannot be read are problems of their file", async (t) => {
  const { folder, source, names } = await watchFolder(t);
  writeFileSync(join(folder, "latin.yaml"), Buffer.from([0x61, 0x3a, 0xe9]));
  await until(() => source.problems().length === 1);
  t.deepEqual(problems(source), ["latin.yaml: expected UTF-8 text"]);
  t.deepEqual(names(), ["first"]);
});

test("without the folder the last good state stays, and its return is found by the rescan", async (t) => {
  const { folder, source, names, write } = await watchFolder(t, { rescanMs: 50 });
  renameSync(folder, `${folder}-away`);
  await until(() => source.problems().length === 1);
  t.deepEqual(problems(source), [".: not readable: ENOENT"]);
  t.deepEqual(names(), ["first"]);
  renameSync(`${folder}-away`, folder);
  await until(() => source.problems().length === 0);
  write("second.yaml", namespace("second"));
  await until(() => names().includes("second"));
});

test("after close nothing is called any more", async (t) => {
  const { write, source, states } = await watchFolder(t, { settleMs: 1, rescanMs: 10 });
  write("first.yaml", namespace("late"));
  await source.close();
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  t.is(states.length, 1);
});

test("an overlay is merged into one state, the folder wins, and either side changes alone", async (t) => {
  const { source: inner, write } = await watchFolder(t);
  const source = new OverlaySource(inner);
  const states: ClusterState[] = [];
  source.onChange((state) => states.push(state));
  const meta = { namespace: "", generation: 1, creationTimestampMs: 0, labels: { from: "overlay" }, annotations: {} };
  const overlay = ["first", "local"].map((name) => ({ kind: "Namespace" as const, meta: { ...meta, name } }));
  source.setOverlay(overlay);
  t.deepEqual([...source.current()!.namespaces.keys()], ["first", "local"]);
  t.is(source.current()!.namespaces.get("first"), inner.current()!.namespaces.get("first"));
  t.is(source.current()!.namespaces.get("local"), overlay[1]);
  source.setOverlay([...overlay]);
  t.is(states.length, 1);
  write("first.yaml", namespace("edited"));
  await until(() => states.length === 2);
  t.deepEqual([...states[1]!.namespaces.keys()], ["edited", "first", "local"]);
  source.setOverlay([]);
  t.deepEqual([...source.current()!.namespaces.keys()], ["edited"]);
});
