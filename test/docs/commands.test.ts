// What the pages tell a reader to type is typed here, with the real command, and prints what they say.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import { blocksOf, pages, read, root } from "./pages.ts";
import { Session, matches, missingPrograms } from "./session.ts";

const shell = new Set(["sh", "bash", "shell", "console"]);
const missing = missingPrograms();

for (const page of pages()) {
  const blocks = blocksOf(read(page)).filter(({ language }) => shell.has(language));
  if (blocks.length === 0) continue;
  test(`${page}: every shell block is run, or says why not`, async (t) => {
    for (const block of blocks) {
      t.is(block.language, "sh", `${page}:${block.line}: write sh, so that it is run`);
      if (block.comment !== "") t.regex(block.comment, /^not run: \S.{9,}/, `${page}:${block.line}`);
    }
    if (missing.length > 0) {
      t.log(`not run: this machine has no ${missing.join(", ")}`);
      return;
    }
    await Session.run(t, page);
  });
}

test("README.md: the tour runs from its first heddle up to its last curl", (t) => {
  const tour = blocksOf(read("README.md")).filter(({ language, comment }) => language === "sh" && comment === "");
  t.true(tour.length >= 10);
  t.is(tour.filter(({ lines }) => lines.join().startsWith("npx heddle up ")).length, 3);
});

test("npx finds the project's own heddle, under the Node that npx runs on", async (t) => {
  const { stdout } = await promisify(execFile)("npx", ["--no-install", "heddle", "--version"], { cwd: root });
  const { version } = JSON.parse(read("package.json")) as { version: string };
  t.is(stdout.trim(), version);
});

test("the comparison of output knows a difference when it sees one", (t) => {
  t.true(matches("a  b\nc\n", ["a b", "c"]));
  t.true(matches("a 12 b\nx\ny\nc\n", ["a … b", "...", "c"]));
  t.false(matches("a b\n", ["a c"]));
  t.false(matches("a b\nc\n", ["a b"]));
  t.false(matches("a b\n", ["a b", "c"]));
  t.false(matches("a+b\n", ["aab"]));
});
