// Listeners that cannot be as they are written, one at a time: what they say, and that the others do not notice.
import test from "ava";
import {
  controllerName,
  gatewayParent,
  makeGateway,
  makeListener,
  makeRoute,
  makeState,
} from "../../test/support/cluster-objects.ts";
import type { ClusterState } from "../source/cluster-state.ts";
import { Translator } from "./translate.ts";
import type { Condition, Translation } from "./translation.ts";

const translate = (state: ClusterState) => new Translator().translate(state, { controllerName });
const reasons = (conditions: readonly Condition[] | undefined) =>
  Object.fromEntries((conditions ?? []).map(({ type, status, reason }) => [type, `${status}/${reason}`]));
const routeReason = (translation: Translation, key: string) =>
  reasons(translation.statuses.httpRoutes.get(key)?.[0]?.conditions)["Accepted"];

for (const [what, allowedNamespaces] of [
  ["is missing", null],
  ["has an unknown operator", { matchLabels: {}, matchExpressions: [{ key: "team", operator: "in", values: ["a"] }] }],
  ["has no values for NotIn", { matchLabels: {}, matchExpressions: [{ key: "team", operator: "NotIn", values: [] }] }],
  [
    "excludes by no label",
    { matchLabels: {}, matchExpressions: [{ key: "my team", operator: "DoesNotExist", values: [] }] },
  ],
  [
    "excludes by no value",
    { matchLabels: {}, matchExpressions: [{ key: "team", operator: "NotIn", values: ["a b"] }] },
  ],
] as const) {
  test(`G.4 a listener whose namespace selector ${what} is not accepted and takes no route; the others serve`, (t) => {
    const open = makeListener({ port: 81, name: "open" });
    const gateway = makeGateway("apps/edge", makeListener({ allowedNamespaces }), open);
    const route = makeRoute("apps/canary", { parentRefs: [gatewayParent("apps/edge", { sectionName: "http" })] });
    const translation = translate(makeState(gateway, route, makeRoute("apps/other")));
    const status = translation.statuses.gateways.get("apps/edge");
    t.like(reasons(status?.listeners[0]?.conditions), {
      Accepted: "False/UnsupportedValue",
      Programmed: "False/Invalid",
    });
    t.is(reasons(status?.conditions)["Accepted"], "True/ListenersNotValid");
    t.deepEqual(translation.gateways.get("apps/edge"), ["apps/edge/open"]);
    t.is(routeReason(translation, "apps/canary"), "False/NotAllowedByListeners");
    t.is(routeReason(translation, "apps/other"), "True/Accepted");
  });
}
