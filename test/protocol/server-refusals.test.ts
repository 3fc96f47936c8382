// The server's state table (proto/README.md), rows about nacks: what is withheld, and that nothing else is.
import test from "ava";
import { startFixture, until, type Fixture } from "./fixture.ts";
import { endpointsOf, Mesh, routeOf } from "./mesh.ts";
import { describe, knownAfter, type RawAgent } from "./raw-agent.ts";

/** A Gateway with two routes on one listener: "good" to the cart, "odd" to the stock. */
function gatewayMesh(): Mesh {
  return new Mesh()
    .service("cart")
    .service("stock")
    .gateway("edge", {
      http: {
        "shop/good": routeOf({ paths: ["/cart"], backends: { "shop/cart:80": 1 } }),
        "shop/odd": routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 1 } }),
      },
    });
}

function connectGateway(fixture: Fixture): RawAgent {
  return fixture.connect({ mode: "GATEWAY", subscriptions: ["gateway:shop/edge"] });
}

test("S22 a refused version is withheld, everything else of the response is sent at once", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, server, publish } = fixture;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  mesh.routes.set("shop/good", routeOf({ paths: ["/cart"], backends: { "shop/cart:80": 2 } }));
  mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 3 } }));
  mesh.endpoints.set("shop/stock:80", endpointsOf("10.0.0.8"));
  publish();
  t.deepEqual(describe(await agent.expectNack("ROUTE/shop/odd")), [
    "+ENDPOINTS/shop/stock:80",
    "+ROUTE/shop/good",
    "+ROUTE/shop/odd",
  ]);
  const rest = await agent.response();
  t.deepEqual(describe(rest), ["+ENDPOINTS/shop/stock:80", "+ROUTE/shop/good"]);
  const [seen] = server.connectedAgents();
  t.like(seen, { sentGeneration: "test.2", acknowledgedGeneration: "test.1" });
  t.deepEqual([...seen!.withheld.keys()], ["ROUTE/shop/odd"]);
  t.like(seen!.lastNack, { generation: "test.2" });
  t.is(seen!.lastNack!.errors[0]!.reason, "refused by the test");
  await agent.ack(rest).expectSilence();
  t.is(server.metrics.refused, 1);
});

test("S22 a refusal is one agent's own: others get what it refused", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const [first, second] = [connectGateway(fixture), connectGateway(fixture)];
  await first.expectAck();
  await second.expectAck();
  fixture.mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 3 } }));
  fixture.publish();
  await first.expectNack("ROUTE/shop/odd");
  t.deepEqual(describe(await second.expectAck()), ["+ROUTE/shop/odd"]);
  await first.expectSilence();
});

test("S23 a nack that names nothing of its response withholds all of it until its content changes", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, publish } = fixture;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 3 } }));
  publish();
  await agent.expectNack("ROUTE/not/sent", "CLUSTER/shop/cart:80");
  await agent.expectSilence();
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.8"));
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ENDPOINTS/shop/cart:80"]);
  mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 4 } }));
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ROUTE/shop/odd"]);
});

test("S24 a root without earlier version is answered WITHHELD, the other names go on", async (t) => {
  const fixture = await startFixture(t, new Mesh().service("cart").service("stock"));
  const agent = fixture.connect({ subscriptions: ["frontend:cart:80", "frontend:stock:80"] });
  await agent.expectNack("CLUSTER/shop/stock:80");
  t.deepEqual(describe(await agent.expectAck()), [
    "+CLUSTER/shop/cart:80",
    "+ENDPOINTS/shop/cart:80",
    "+LISTENER/shop/cart:80",
    "frontend:cart:80 FOUND",
    "frontend:stock:80 WITHHELD",
  ]);
  fixture.mesh.clusters.set("shop/stock:80", { protocol: "HTTP1", defaultWorkloadVersion: "better" });
  fixture.publish();
  t.deepEqual(describe(await agent.expectAck()), [
    "+CLUSTER/shop/stock:80",
    "+ENDPOINTS/shop/stock:80",
    "+LISTENER/shop/stock:80",
    "frontend:stock:80 FOUND",
  ]);
});

test("S24 a Gateway lists the listeners that it can have", async (t) => {
  const mesh = gatewayMesh().gateway("edge", {
    http: { "shop/good": routeOf({ backends: { "shop/cart:80": 1 } }) },
    admin: { "shop/odd": routeOf({ backends: { "shop/stock:80": 1 } }) },
  });
  const fixture = await startFixture(t, mesh);
  const agent = connectGateway(fixture);
  const all = await agent.expectNack("ROUTE/shop/odd");
  t.deepEqual(all.answers[0]?.listeners, ["shop/edge/http", "shop/edge/admin"]);
  const rest = await agent.expectNack("LISTENER/shop/edge/http");
  t.like(rest.answers[0], { state: "FOUND", listeners: ["shop/edge/http"] });
  t.like((await agent.expectAck()).answers[0], { state: "WITHHELD", listeners: [] });
});

test("S25 the earlier version stays with all it refers to, and endpoint removals go on", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, publish } = fixture;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  // The refused version goes to another Service, and the one that the earlier version needs is deleted besides.
  mesh.service("shelf");
  mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/shelf:80": 1 } }));
  publish();
  t.deepEqual(describe(await agent.expectNack("ROUTE/shop/odd")), [
    "+CLUSTER/shop/shelf:80",
    "+ENDPOINTS/shop/shelf:80",
    "+ROUTE/shop/odd",
    "-CLUSTER/shop/stock:80",
    "-ENDPOINTS/shop/stock:80",
  ]);
  await agent.expectSilence();
  mesh.endpoints.set("shop/stock:80", endpointsOf());
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ENDPOINTS/shop/stock:80"]);
  for (const name of ["clusters", "endpoints", "listeners"] as const) mesh[name].delete("shop/stock:80");
  mesh.frontends.delete("stock.shop:80");
  publish();
  await agent.expectSilence();
  t.deepEqual([...fixture.server.connectedAgents()[0]!.withheld.keys()], ["ROUTE/shop/odd"]);
});

test("S25 routes that a held route configuration points into stay with it when their matches changed", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, publish } = fixture;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  mesh.gateway("edge", {
    http: {
      "shop/odd": routeOf({ paths: ["/stock", "/odd"], backends: { "shop/stock:80": 1 } }),
      "shop/good": routeOf({ paths: ["/basket", "/cart"], backends: { "shop/cart:80": 1 } }),
      "shop/new": routeOf({ paths: ["/new"], backends: { "shop/cart:80": 1 } }),
    },
  });
  publish();
  t.deepEqual(describe(await agent.expectNack("ROUTE/shop/odd")), [
    "+ROUTE/shop/good",
    "+ROUTE/shop/new",
    "+ROUTE/shop/odd",
    "+ROUTE_CONFIGURATION/shop/edge/http",
  ]);
  await agent.expectSilence();
  // A weight is no match: with the matches it had, the good route goes on while the odd one is withheld.
  mesh.routes.set("shop/good", routeOf({ paths: ["/cart"], backends: { "shop/cart:80": 7 } }));
  mesh.routeConfigurations.set("shop/edge/http", {
    routes: ["shop/good", "shop/odd"],
    virtualHosts: [
      {
        hostname: "",
        entries: [
          { route: 1, rule: 0, match: 1 },
          { route: 0, rule: 0, match: 0 },
        ],
      },
    ],
  });
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ROUTE/shop/good"]);
});

test("S25 a route configuration goes on when the earlier route has the same matches", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, publish } = fixture;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  mesh.gateway("edge", {
    http: {
      "shop/new": routeOf({ paths: ["/new"], backends: { "shop/cart:80": 1 } }),
      "shop/good": mesh.routes.get("shop/good")!,
      "shop/odd": routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 9 } }),
    },
  });
  publish();
  await agent.expectNack("ROUTE/shop/odd");
  t.deepEqual(describe(await agent.expectAck()), ["+ROUTE/shop/new", "+ROUTE_CONFIGURATION/shop/edge/http"]);
});

test("S25 a name that moved to a refused root stays with the root it had", async (t) => {
  const fixture = await startFixture(t, new Mesh().service("cart").service("cart-of-shop"));
  const { mesh, publish } = fixture;
  const agent = fixture.connect({ subscriptions: ["frontend:cart:80"] });
  await agent.expectAck();
  const consumerListeners = new Map([["shop", "shop/cart-of-shop:80"]]);
  mesh.frontends.set("cart.shop:80", { listener: "shop/cart:80", consumerListeners });
  publish();
  await agent.expectNack("CLUSTER/shop/cart-of-shop:80");
  await agent.expectSilence();
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.5"));
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ENDPOINTS/shop/cart:80"]);
});

test("S25 what an agent brought along and this server does not know stays whole while it stands in", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const known = {
    ...knownAfter(await connectGateway(fixture).expectAck()),
    "ROUTE/shop/odd": "version-of-another-replica",
    "CLUSTER/shop/old:80": "of-another-replica",
    "ENDPOINTS/shop/old:80": "of-another-replica",
  };
  const agent = fixture.connect({ mode: "GATEWAY", subscriptions: ["gateway:shop/edge"], known });
  t.deepEqual(describe(await agent.expectNack("ROUTE/shop/odd")), [
    "+ROUTE/shop/odd",
    "-CLUSTER/shop/old:80",
    "-ENDPOINTS/shop/old:80",
    "gateway:shop/edge FOUND",
  ]);
  t.deepEqual(describe(await agent.expectAck()), ["gateway:shop/edge FOUND"]);
});

test("S26 a withheld resource is sent when it has another version, also when it is the earlier one again", async (t) => {
  const fixture = await startFixture(t, gatewayMesh());
  const { mesh, publish, server } = fixture;
  const earlier = mesh.routes.get("shop/odd")!;
  const agent = connectGateway(fixture);
  await agent.expectAck();
  const bad = routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 13 } });
  mesh.routes.set("shop/odd", bad);
  publish();
  await agent.expectNack("ROUTE/shop/odd");
  mesh.routes.set("shop/odd", routeOf({ paths: ["/stock"], backends: { "shop/stock:80": 14 } }));
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ROUTE/shop/odd"]);
  await until(() => server.connectedAgents()[0]!.withheld.size === 0, "the end of withholding");

  mesh.routes.set("shop/odd", bad);
  publish();
  t.deepEqual(describe(await agent.expectNack("ROUTE/shop/odd")), ["+ROUTE/shop/odd"]);
  mesh.routes.set("shop/odd", earlier);
  publish();
  t.deepEqual(describe(await agent.expectAck()), ["+ROUTE/shop/odd"]);
  t.like(server.connectedAgents()[0], { sentGeneration: "test.5" });
});

test("S34 a refused response without resources is not repeated", async (t) => {
  const { connect, mesh, publish } = await startFixture(t, new Mesh().service("cart").service("stock"));
  const agent = connect({ subscriptions: ["frontend:cart:80", "frontend:stock:80"] });
  await agent.expectAck();
  mesh.frontends.delete("cart.shop:80");
  publish();
  t.is((await agent.expectNack("LISTENER/shop/cart:80")).removedResources.length, 3);
  await agent.expectSilence();
  mesh.endpoints.set("shop/stock:80", endpointsOf("10.0.0.5"));
  publish();
  t.is((await agent.expectAck()).removedResources.length, 3);
});
