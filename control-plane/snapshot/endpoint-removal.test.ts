import test from "ava";
import type { EndpointSlice } from "../source/cluster-state.ts";
import { removesEndpoints } from "./endpoint-removal.ts";

type State = { readonly endpointSlices: ReadonlyMap<string, EndpointSlice> };

function slice(name: string, endpoints: Readonly<Record<string, "ready" | "unready" | "terminating">>): EndpointSlice {
  return {
    kind: "EndpointSlice",
    meta: { namespace: "shop", name, generation: 1, creationTimestampMs: 0, labels: {}, annotations: {} },
    serviceName: "cart",
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: Object.entries(endpoints).map(([address, state]) => ({
      addresses: [address],
      ready: state === "ready",
      serving: true,
      terminating: state === "terminating",
      pod: "",
    })),
  };
}

function state(...slices: readonly EndpointSlice[]): State {
  return { endpointSlices: new Map(slices.map((one) => [`shop/${one.meta.name}`, one])) };
}

const two = slice("one", { "10.0.0.1": "ready", "10.0.0.2": "ready" });

test("an endpoint that goes away, becomes unready or terminates is a removal", (t) => {
  t.true(removesEndpoints(state(two), state()));
  t.true(removesEndpoints(state(two), state(slice("one", { "10.0.0.1": "ready" }))));
  t.true(removesEndpoints(state(two), state(slice("one", { "10.0.0.1": "ready", "10.0.0.2": "unready" }))));
  t.true(removesEndpoints(state(two), state(slice("one", { "10.0.0.1": "ready", "10.0.0.2": "terminating" }))));
});

test("additions, unchanged slices and moves between slices of one Service are none", (t) => {
  t.false(removesEndpoints(state(two), state(two)));
  t.false(removesEndpoints(state(), state(two)));
  t.false(removesEndpoints(state(slice("one", { "10.0.0.1": "unready" })), state()));
  const moved = state(slice("one", { "10.0.0.1": "ready" }), slice("two", { "10.0.0.2": "ready" }));
  t.false(removesEndpoints(state(two), moved));
});
