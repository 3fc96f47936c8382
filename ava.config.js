// Which tests run: everything that needs only Node; with HEDDLE_SOAK=1 the long counts alone; with HEDDLE_CLUSTER_TESTS
// those of the cluster in KUBECONFIG: "shared" those that may run beside each other, "alone" those that measure, fill the
// cluster or take the control plane away, "last" the one that takes Heddle away, "1" whatever is named.
const soak = process.env.HEDDLE_SOAK === "1";
const cluster = process.env.HEDDLE_CLUSTER_TESTS;

const alone = [
  "control-plane-*",
  "figures",
  "pain-14-*",
  "pain-18-*",
  "pain-23-*",
  "pain-protocols",
  "pain-rollouts",
  "readme",
  "seed-recipe-mirror",
].map((name) => `test/kubernetes/${name}.test.ts`);

const last = "test/kubernetes/uninstall.test.ts";

const files = {
  shared: ["test/kubernetes/*.test.ts", ...[...alone, last].map((file) => `!${file}`)],
  alone,
  last: [last],
  1: ["test/kubernetes/*.test.ts"],
};

export default {
  extensions: ["ts"],
  files: soak
    ? ["test/soak/**/*.test.ts"]
    : cluster
      ? files[cluster]
      : ["**/*.test.ts", "!test/soak/**", "!test/kubernetes/**"],
  nodeArguments: ["--disable-warning=ExperimentalWarning"],
  timeout: cluster ? "4m" : "2m",
  ...(cluster && { concurrency: cluster === "shared" ? 2 : 1 }),
};
