// Which cluster a command means when KUBECONFIG names several files, as kubectl has it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { loadKubeConfig } from "../../cli/cluster/kube-config.ts";

/** A file for each kubeconfig; resolves with their paths and that of a file that does not exist. */
async function files(t: ExecutionContext, ...kubeConfigs: readonly (readonly [string, string])[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-kubeconfig-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const written = kubeConfigs.map(async ([name, server]) => {
    const file = join(folder, server);
    const text = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      clusters: [{ name, cluster: { server: `https://${server}` } }],
      users: [{ name, user: { token: server } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
    };
    await writeFile(file, JSON.stringify(text));
    return file;
  });
  return [join(folder, "none"), ...(await Promise.all(written))];
}

async function serverOf(kubeconfig: readonly string[], context?: string): Promise<string | undefined> {
  process.env["KUBECONFIG"] = kubeconfig.join(delimiter);
  return (await loadKubeConfig(context === undefined ? {} : { context })).getCurrentCluster()?.server;
}

test.serial("a file that does not exist is passed over, wherever it stands in the list", async (t) => {
  const [none = "", one = ""] = await files(t, ["a", "one"]);
  t.is(await serverOf([none, one]), "https://one");
  t.is(await serverOf([one, none]), "https://one");
});

test.serial("of several files the first that says something counts", async (t) => {
  const [, one = "", two = "", three = ""] = await files(t, ["a", "one"], ["b", "two"], ["a", "three"]);
  t.is(await serverOf([one, two, three]), "https://one");
  t.is(await serverOf([one, two, three], "b"), "https://two");
  t.is(await serverOf([three, two, one]), "https://three");
});

test.serial("none of the files exists: all are named", async (t) => {
  const [none = ""] = await files(t);
  await t.throwsAsync(serverOf([none, `${none}-2`]), { message: /none and \S+none-2 does not exist/ });
});
