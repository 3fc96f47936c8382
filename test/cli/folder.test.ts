// What -n and -A mean for commands that ask a running `heddle up`, as they mean it on a cluster.
import test from "ava";
import { heddle, RunningSample } from "../samples/running-sample.ts";

test.serial("get and config: -n chooses among what a folder runs, -A is all of it", async (t) => {
  const { folder } = await RunningSample.start(t, "task-api/canary");
  const get = async (...words: readonly string[]): Promise<number> =>
    (JSON.parse((await heddle("get", ...words, "-f", folder, "-o", "json")).stdout) as unknown[]).length;
  for (const what of ["routes", "gateways", "agents"]) {
    const all = await get(what);
    t.true(all > 0, what);
    t.is(await get(what, "-n", "task-api"), all, what);
    t.is(await get(what, "-n", "other"), 0, what);
    t.is(await get(what, "-n", "other", "-A"), all, what);
  }
  const config = (...words: readonly string[]) => heddle("config", "task-api-gateway", "-f", folder, ...words);
  t.is((await config("-n", "task-api")).code, 0);
  const elsewhere = await config("-n", "other");
  t.is(elsewhere.code, 1);
  t.regex(elsewhere.stderr, /no agent other\/task-api-gateway runs; there are: .*task-api\/task-api-gateway/);
});

test.serial("explain: in a folder -n is the client's namespace, as --from is", async (t) => {
  const explain = (...words: readonly string[]) =>
    heddle("explain", "-f", "manifests/samples/task-api/canary", "--url", "http://task-api-stable:8000/", ...words);
  t.is((await explain()).code, 1);
  t.regex((await explain("-n", "task-api")).stdout, /Service frontend task-api-stable:8000/);
  t.is((await explain("-n", "other", "--from", "task-api")).code, 0);
});
