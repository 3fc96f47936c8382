import test from "ava";
import type { ConfigPage } from "./print.ts";
import { printConfig } from "./print.ts";

const empty = { listeners: {}, routeConfigurations: {}, routes: {}, clusters: {}, endpoints: {}, workloads: {} };
const page: ConfigPage = {
  version: "0.1.0",
  mode: "sidecar",
  discovery: { state: "streaming", address: "heddle:15012", lastEnd: null },
  resources: { ...empty, generation: "e.7", answers: {} },
};

test("the first line says who it is, what it holds and how its stream is", (t) => {
  const first = "pod shop/web: sidecar, version 0.1.0, generation e.7, discovery streaming at heddle:15012";
  t.is(printConfig("pod shop/web", page)[0], first);
  const again = {
    ...page.discovery,
    state: "streaming",
    address: "heddle:15012",
    lastEnd: { details: "ECONNREFUSED" },
  };
  t.is(
    printConfig("pod shop/web", { ...page, discovery: again })[0],
    `${first}, the stream before ended: ECONNREFUSED`,
  );
});
