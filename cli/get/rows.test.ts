import test from "ava";
import { printRows, routeRows } from "./rows.ts";

const conditions = [{ type: "Accepted", status: "True", reason: "Accepted" }];
const parentRef = { kind: "Gateway", namespace: "shop", name: "edge" };
const status = { parents: [{ parentRef, conditions }] };
const object = { kind: "HTTPRoute", namespace: "shop", name: "old", generation: 1, status };

test("a rule without backends has its row", (t) => {
  const rows = routeRows(
    [object as never],
    [{ route: "shop/old", rules: [{ rule: 0, matches: "/old", mirrors: [], backends: [] }] }],
  );
  t.is(
    printRows(rows),
    "ROUTE     PARENT             CONDITIONS  RULE  MATCHES  BACKEND  MIRRORS\n" +
      "shop/old  Gateway shop/edge  Accepted    0     /old     none",
  );
});
