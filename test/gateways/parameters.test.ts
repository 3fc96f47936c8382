// The keys of a Gateway's ConfigMap: what each accepts, what it says to the rest, and the page that lists them.
import test from "ava";
import {
  defaultGatewayParameters,
  describeGatewayParameters,
  parseGatewayParameters,
} from "../../control-plane/gateways/parameters.ts";
import { code, read, tableUnder } from "../docs/pages.ts";

test("an empty ConfigMap is the defaults", (t) => {
  t.deepEqual(parseGatewayParameters({}), { ok: true, parameters: defaultGatewayParameters });
});

test("every key is taken", (t) => {
  const given = {
    replicas: "3",
    serviceType: "ClusterIP",
    cpuRequest: "250m",
    cpuLimit: "1.5",
    memoryRequest: "64Mi",
    memoryLimit: "1Gi",
    logLevel: "debug",
    traceSampling: "0.05",
  };
  t.deepEqual(
    Object.keys(given),
    describeGatewayParameters().map(({ name }) => name),
  );
  t.deepEqual(parseGatewayParameters(given), {
    ok: true,
    parameters: { ...given, replicas: 3 } as unknown as typeof defaultGatewayParameters,
  });
});

const refused: readonly (readonly [string, readonly string[]])[] = [
  ["replicas", ["0", "-1", "1.5", "101", "many", ""]],
  ["serviceType", ["loadbalancer", "ExternalName", ""]],
  ["cpuRequest", ["0", "0m", "1Gi", "half", "-1", "1.5m", ""]],
  ["cpuLimit", ["none", "0"]],
  ["memoryRequest", ["0Mi", "128mb", "128 Mi", "1Ti", ""]],
  ["memoryLimit", ["unlimited", "0"]],
  ["logLevel", ["verbose", "INFO", ""]],
  ["traceSampling", ["-0.1", "1.1", "10%", "NaN", "1e-3", ""]],
];
for (const [name, values] of refused) {
  test(`${name}: a bad value is refused by a sentence that names the key`, (t) => {
    for (const value of values) {
      const result = parseGatewayParameters({ [name]: value });
      t.false(result.ok, value);
      if (!result.ok) t.regex(result.errors.join(), new RegExp(`^${name} must be .+, not ${JSON.stringify(value)}$`));
    }
  });
}

test("every bad key is named at once, a key that does not exist too", (t) => {
  const result = parseGatewayParameters({ replica: "2", replicas: "x", constructor: "1" });
  t.false(result.ok);
  if (!result.ok) {
    t.deepEqual(
      result.errors.map((error) => error.split(" ")[0]),
      ["replica", "replicas", "constructor"],
    );
  }
});

test("a request above its limit is refused here, as the API server would refuse the pods", (t) => {
  const errors = (data: Record<string, string>): readonly string[] => {
    const result = parseGatewayParameters(data);
    return result.ok ? [] : result.errors;
  };
  t.deepEqual(errors({ cpuRequest: "600m", cpuLimit: "0.5" }), ["cpuRequest 600m is more than cpuLimit 0.5"]);
  t.deepEqual(errors({ memoryRequest: "1Gi" }), ["memoryRequest 1Gi is more than memoryLimit 512Mi"]);
  t.deepEqual(errors({ cpuRequest: "500m", cpuLimit: "0.5", memoryRequest: "512Mi" }), []);
});

test("docs/gateways.md lists every parameter with what it accepts and its default", (t) => {
  const rows = tableUnder(read("docs/gateways.md"), "Parameters").map(([name, expected, fallback, about]) => [
    code(name),
    expected,
    code(fallback) === "empty" ? "" : code(fallback),
    about,
  ]);
  t.deepEqual(
    rows,
    describeGatewayParameters().map(({ name, expected, fallback, about }) => [name, expected, fallback, about]),
  );
});
