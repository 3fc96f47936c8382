import test from "ava";
import { LiveArea } from "./live-area.ts";
import type { LiveBackend, LiveRoute } from "./live-routes.ts";
import { renderTable } from "./table.ts";

const backend = (name: string, fields: Partial<LiveBackend> = {}): LiveBackend => ({
  backend: name,
  weight: 95,
  target: 0.95,
  share: 0.95,
  requests: 95,
  errors: 0,
  requestsPerSecond: 9.5,
  p50Ms: 0.82,
  p99Ms: 38.1,
  ...fields,
});
const routes: readonly LiveRoute[] = [
  {
    route: "task-api/canary",
    rules: [
      {
        rule: 0,
        matches: "/api/",
        mirrors: [{ backend: "task-api/shadow:8000", mirrored: 98, dropped: 2 }],
        backends: [
          backend("task-api/stable:8000"),
          backend("task-api/canary:8000", { weight: 5, target: 0.05, share: null, p50Ms: null, p99Ms: null }),
        ],
      },
    ],
  },
];

test("a wide terminal shows everything", (t) => {
  t.deepEqual(renderTable(routes, { width: 120, height: 20, color: false }), [
    "  backend                        target  share  requests  req/s    p50   p99  errors  mirrored  dropped",
    "task-api/canary rule 0  /api/",
    "  task-api/stable:8000         95 (95%)    95%        95    9.5  0.8ms  38ms       0         -        -",
    "  task-api/canary:8000           5 (5%)      -        95    9.5      -     -       0         -        -",
    "  mirror task-api/shadow:8000         -      -         -      -      -     -       -        98        2",
  ]);
});

test("no line is wider than the terminal, whatever its width", (t) => {
  for (let width = 20; width < 120; width++) {
    for (const line of renderTable(routes, { width, height: 20, color: false })) {
      t.true(line.length <= width, `${width}: ${line}`);
    }
  }
  t.regex(
    renderTable(routes, { width: 50, height: 20, color: false })[2] ?? "",
    /stable:8000 +95 \(95%\) +95%/,
    "target and share stay longest",
  );
});

test("no more lines than the terminal has", (t) => {
  const lines = renderTable(routes, { width: 80, height: 3, color: false });
  t.is(lines.length, 3);
  t.regex(lines[2] ?? "", /\.\.\. 3 more lines/);
});

test("drawing again goes up exactly the rows that the last drawing takes now, wrapped ones included", (t) => {
  const written: string[] = [];
  const terminal = { write: (text: string | Uint8Array) => written.push(String(text)) > 0, columns: 40, rows: 24 };
  const area = new LiveArea(terminal);
  area.draw([], ["\u001B[1m" + "x".repeat(40) + "\u001B[22m", "y", ""]);
  area.draw(["a log line"], ["z"]);
  t.is(written[1], "\u001B[3A\r\u001B[0Ja log line\nz\n");
  terminal.columns = 20;
  area.draw([], ["x".repeat(20)]);
  t.is(written[2], `\u001B[1A\r\u001B[0J${"x".repeat(20)}\n`);
});
