// Which tests run: everything but the long counts, or with HEDDLE_SOAK=1 the long counts alone.
const soak = process.env.HEDDLE_SOAK === "1";

export default {
  extensions: ["ts"],
  files: soak ? ["test/soak/**/*.test.ts"] : ["**/*.test.ts", "!test/soak/**", "!test/kubernetes/**"],
  nodeArguments: ["--disable-warning=ExperimentalWarning"],
  timeout: "2m",
};
