// Rules that hold by themselves, also where an earlier one hides them from the protocol's tests.
import test from "ava";
import { status } from "@grpc/grpc-js";
import { gatewayRefusal, type Caller } from "./authorize.ts";

test("the ServiceAccount of a Gateway's name in another namespace is another account", (t) => {
  const callerOf = (namespace: string): Caller => ({
    identity: { namespace, serviceAccount: "edge-heddle", pod: "edge-1", expiresAtMs: null },
    gatewayServiceAccount: () => "edge-heddle",
  });
  t.is(gatewayRefusal(callerOf("shop"), "gateway:shop/edge"), null);
  for (const namespace of ["other", "sho", "shop/edge"]) {
    t.like(gatewayRefusal(callerOf(namespace), "gateway:shop/edge"), {
      code: status.PERMISSION_DENIED,
      failure: "other gateway",
    });
  }
});

test("what is no Gateway is not judged here", (t) => {
  const caller: Caller = {
    identity: { namespace: "shop", serviceAccount: "default", pod: "client", expiresAtMs: null },
    gatewayServiceAccount: () => undefined,
  };
  t.is(gatewayRefusal(caller, "frontend:cart:80"), null);
  t.is(gatewayRefusal(caller, "workload:shop/client"), null);
});
