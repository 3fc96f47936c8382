// Which tests run: everything that needs only Node; with HEDDLE_SOAK=1 the long counts alone; with
// HEDDLE_CLUSTER_TESTS=1 those of the cluster in KUBECONFIG, one file after the other since they share it.
const soak = process.env.HEDDLE_SOAK === "1";
const cluster = process.env.HEDDLE_CLUSTER_TESTS === "1";

export default {
  extensions: ["ts"],
  files: soak
    ? ["test/soak/**/*.test.ts"]
    : cluster
      ? ["test/kubernetes/**/*.test.ts"]
      : ["**/*.test.ts", "!test/soak/**", "!test/kubernetes/**"],
  nodeArguments: ["--disable-warning=ExperimentalWarning"],
  timeout: cluster ? "15m" : "2m",
  ...(cluster && { concurrency: 1 }),
};
