// What has to happen to the ConfigMaps, and to the webhook's caBundle.
import test from "ava";
import type { V1MutatingWebhookConfiguration } from "@kubernetes/client-node";
import { heldConfigMap, planConfigMaps, type HeldConfigMap } from "./config-map-plan.ts";
import { caBundlePatch } from "./webhook-ca-bundle.ts";

const own = "heddle-system";
const ours = { "app.kubernetes.io/managed-by": "heddle", "app.kubernetes.io/instance": own };

function found(namespace: string, data: Record<string, string>, labels: Record<string, string> = ours): HeldConfigMap {
  return heldConfigMap({ metadata: { name: "heddle-ca", namespace, labels, resourceVersion: "7" }, data });
}

test("a namespace without the ConfigMap gets it, with our label", (t) => {
  t.deepEqual(planConfigMaps(new Set(["shop"]), [], "PEM", own), [
    {
      kind: "create",
      namespace: "shop",
      body: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "heddle-ca", namespace: "shop", labels: ours },
        data: { "ca.crt": "PEM" },
      },
    },
  ]);
});

test("what is right is left alone", (t) => {
  t.deepEqual(planConfigMaps(new Set(["shop"]), [found("shop", { "ca.crt": "PEM" })], "PEM", own), []);
});

for (const [what, data] of [
  ["an old bundle", { "ca.crt": "OLD" }],
  ["no bundle", {}],
  ["another key besides", { "ca.crt": "PEM", more: "" }],
] as const) {
  test(`${what} is repaired, only as it was read, and others' labels stay`, (t) => {
    const [action] = planConfigMaps(new Set(["shop"]), [found("shop", data, { ...ours, team: "a" })], "PEM", own);
    t.like(action, {
      kind: "replace",
      namespace: "shop",
      body: { metadata: { resourceVersion: "7", labels: { ...ours, team: "a" } }, data: { "ca.crt": "PEM" } },
    });
  });
}

test("one whose instance label was taken off gets it back where it is wanted, and is left alone elsewhere", (t) => {
  const unclaimed = { "app.kubernetes.io/managed-by": "heddle" };
  const existing = [found("shop", { "ca.crt": "PEM" }, unclaimed), found("far", { "ca.crt": "OLD" }, unclaimed)];
  const actions = planConfigMaps(new Set(["shop"]), existing, "PEM", own);
  t.is(actions.length, 1);
  t.like(actions[0], { kind: "replace", namespace: "shop", body: { metadata: { labels: ours } } });
});

test("one of ours is kept right where it is not wanted any more, and not deleted: pods still read it", (t) => {
  const existing = [found("left", { "ca.crt": "OLD" }), found("right", { "ca.crt": "PEM" })];
  t.deepEqual(
    planConfigMaps(new Set(), existing, "PEM", own).map(({ kind, namespace }) => [kind, namespace]),
    [["replace", "left"]],
  );
});

test("somebody else's, and another control plane's, is reported where it is in the way, and never written to", (t) => {
  const existing = [
    found("shop", { "ca.crt": "THEIRS" }, {}),
    found("near", { "ca.crt": "CANARY" }, { ...ours, "app.kubernetes.io/instance": "other-control-plane" }),
    found("far", {}, { "app.kubernetes.io/managed-by": "x" }),
  ];
  t.deepEqual(planConfigMaps(new Set(["shop"]), existing, "PEM", own), [{ kind: "foreign", namespace: "shop" }]);
});

test("every webhook gets the bundle, only in the object that was read; nothing is done when all have it", (t) => {
  const webhook = (caBundle: string | undefined): object => ({ name: "x", clientConfig: { caBundle } });
  const configuration = (...bundles: (string | undefined)[]): V1MutatingWebhookConfiguration =>
    ({ metadata: { resourceVersion: "9" }, webhooks: bundles.map(webhook) }) as V1MutatingWebhookConfiguration;
  const right = Buffer.from("PEM").toString("base64");
  t.deepEqual(caBundlePatch(configuration(undefined, right, "b2xk"), "PEM"), [
    { op: "test", path: "/metadata/resourceVersion", value: "9" },
    { op: "add", path: "/webhooks/0/clientConfig/caBundle", value: right },
    { op: "add", path: "/webhooks/2/clientConfig/caBundle", value: right },
  ]);
  t.is(caBundlePatch(configuration(right, right), "PEM"), null);
  t.is(caBundlePatch({}, "PEM"), null);
});
