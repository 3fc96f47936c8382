import test from "ava";
import { RunningSample } from "./running-sample.ts";

test("A4, A6 three versions at 10/10/80, routed from another namespace, Host with a port", async (t) => {
  const helloworld = await RunningSample.start(t, "helloworld");
  const options = { headers: { host: "traffic.split.example:8080" } };

  const first = await helloworld.send("/hello", options);
  t.is(first.status, 200);
  t.is(first.headers["content-type"], "text/html; charset=utf-8");
  t.regex(first.body, /^Hello version: (v[123]), instance: helloworld-\1-[0-9a-f]{4}-1\n$/);

  for (let index = 1; index < 10; index++) {
    await helloworld.send("/hello", options);
  }
  const versions = await helloworld.count(20, "/hello", ({ body }) => body.slice(15, 17), options);
  t.deepEqual(versions, { v1: 2, v2: 2, v3: 16 });
  t.is((await helloworld.send("/hello", { headers: { host: "other.example" } })).status, 404);
});
