// Links and names of files in the pages lead somewhere.
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "ava";
import { pages, proseOf, read, root } from "./pages.ts";

/** The anchor of a heading, as code hosts make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function anchors(path: string): ReadonlySet<string> {
  return new Set([...proseOf(read(path)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading ?? "")));
}

for (const page of pages()) {
  test(`${page}: every relative link leads to a file, every anchor to a heading`, (t) => {
    for (const [, target = ""] of proseOf(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor = ""] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      t.true(existsSync(join(root, file)), `${page}: ${target}`);
      if (anchor !== "" && existsSync(join(root, file))) t.true(anchors(file).has(anchor), `${page}: ${target}`);
    }
    t.pass();
  });

  test(`${page}: every file that it names exists`, (t) => {
    const places = new Set([
      "agent",
      "control-plane",
      "cli",
      "proto",
      "test",
      "bench",
      "docs",
      "manifests",
      "bin",
      ".ci",
    ]);
    for (const [, name = ""] of proseOf(read(page)).matchAll(/`([\w.-]+\/[\w./-]*)`/g)) {
      if (!places.has(name.split("/", 1)[0] ?? "") || /[A-Z]{4,}/.test(name)) continue;
      t.true(existsSync(join(root, name)) || existsSync(join(root, dirname(page), name)), `${page}: ${name}`);
    }
    t.pass();
  });
}
