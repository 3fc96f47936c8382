import test from "ava";
import { readCommandLine } from "./options.ts";

const names = ["requests", "mirror"];

test("without options every case runs 5 times", (t) => {
  t.deepEqual(readCommandLine([], names), {
    kind: "run",
    options: { only: names, runs: 5, quick: false, full: false, profile: false },
  });
});

test("--only, --runs and --quick narrow the run", (t) => {
  const read = readCommandLine(["--only", "mirror", "--quick"], names);
  t.like(read, { kind: "run", options: { only: ["mirror"], runs: 1, quick: true } });
  t.like(readCommandLine(["--runs", "7"], names), { kind: "run", options: { runs: 7 } });
});

test("wrong usage is answered with the reason", (t) => {
  for (const [args, reason] of [
    [["--fast"], /--fast/],
    [["mirror"], /mirror/],
    [["--only", "nothing"], /no case "nothing": requests, mirror/],
    [["--runs", "0"], /--runs/],
    [["--runs", "many"], /--runs/],
    [["--runs"], /--runs/],
    [["--quick", "--full"], /exclude/],
  ] as const) {
    const read = readCommandLine(args, names);
    t.is(read.kind, "wrong");
    t.regex(read.kind === "wrong" ? read.reason : "", reason);
  }
});

test("--list and --help are answered before anything is checked", (t) => {
  t.deepEqual(readCommandLine(["--list"], names), { kind: "list" });
  t.deepEqual(readCommandLine(["--help", "--runs", "x"], names), { kind: "help" });
});
