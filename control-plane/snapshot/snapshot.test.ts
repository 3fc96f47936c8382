import test from "ava";
import { endpointsOf, Mesh, routeOf } from "../../test/protocol/mesh.ts";
import { SnapshotBuilder } from "./snapshot.ts";

function cartMesh(): Mesh {
  const mesh = new Mesh().service("cart").service("cart-v2");
  return mesh.claim("cart", { "shop/cart": routeOf({ paths: ["/"], backends: { "shop/cart:80": 1 } }) });
}

test("a body that kept its identity is neither encoded nor hashed again", (t) => {
  const mesh = cartMesh();
  const first = mesh.snapshot();
  const encoded = mesh.builder.encodedCount;
  t.is(encoded, first.resources.size);
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.2"));
  const second = mesh.snapshot();
  t.is(mesh.builder.encodedCount, encoded + 1);
  t.not(second.resources.get("ENDPOINTS/shop/cart:80"), first.resources.get("ENDPOINTS/shop/cart:80"));
  t.is(second.resources.get("ROUTE/shop/cart"), first.resources.get("ROUTE/shop/cart"));
});

test("a new body of the same content is the same resource", (t) => {
  const mesh = cartMesh();
  const first = mesh.snapshot();
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.1"));
  mesh.service("more");
  t.is(mesh.snapshot().resources.get("ENDPOINTS/shop/cart:80"), first.resources.get("ENDPOINTS/shop/cart:80"));
});

test("generations count within an epoch, and only changes count", (t) => {
  const mesh = cartMesh();
  const first = mesh.snapshot();
  t.is(first.generation, "test.1");
  t.is(mesh.snapshot(), first);
  mesh.frontends.delete("cart.shop:80");
  t.is(mesh.snapshot().generation, "test.2");
  mesh.gateways.set("shop/edge", []);
  t.is(mesh.snapshot().generation, "test.3");
  t.throws(() => new SnapshotBuilder({ epoch: "a.b" }), { message: /not a plain word/ });
});

test("a translation that contradicts itself is not published, and each fault is named", (t) => {
  const mesh = cartMesh();
  mesh.snapshot();
  mesh.clusters.delete("shop/cart:80");
  mesh.endpoints.delete("shop/cart-v2:80");
  mesh.gateways.set("shop/edge", ["shop/edge/http"]);
  mesh.frontends.set("odd.shop:80", { listener: "x", consumerListeners: new Map([["ns", "y"]]) });
  mesh.routeConfigurations.set("shop/cart:80", {
    routes: ["shop/cart", "shop/gone"],
    virtualHosts: [
      { hostname: "", entries: [{ route: 0, rule: 0, match: 1 }] },
      { hostname: "", entries: [{ route: 2, rule: 0, match: 0 }] },
    ],
  });
  t.deepEqual(mesh.builder.build(mesh.translation()), {
    ok: false,
    faults: [
      "ROUTE_CONFIGURATION/shop/cart:80 refers to ROUTE/shop/gone, which does not exist",
      "ROUTE_CONFIGURATION/shop/cart:80 points at route 0, rule 0, match 1, which does not exist",
      'ROUTE_CONFIGURATION/shop/cart:80 has two virtual hosts named ""',
      "ROUTE_CONFIGURATION/shop/cart:80 points at route 2, rule 0, match 0, which does not exist",
      "ROUTE/shop/cart refers to CLUSTER/shop/cart:80, which does not exist",
      "CLUSTER/shop/cart-v2:80 refers to ENDPOINTS/shop/cart-v2:80, which does not exist",
      "gateway shop/edge refers to LISTENER/shop/edge/http, which does not exist",
      "frontend odd.shop:80 refers to LISTENER/x, which does not exist",
      "frontend odd.shop:80 refers to LISTENER/y, which does not exist",
    ],
  });
  t.is(cartMesh().snapshot().generation, "test.1");
});
