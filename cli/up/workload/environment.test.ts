import test from "ava";
import { workloadEnvironment } from "./environment.ts";

const options = {
  inherited: { PATH: "/usr/bin", npm_config_x: "1", HEDDLE_MODE: "gateway", NO_PROXY: "localhost", GREETING: "shell" },
  container: {
    name: "app",
    image: "app:v1",
    env: [
      { name: "GREETING", value: "container" },
      { name: "PORT", value: "1" },
    ],
    ports: [],
  },
  namespace: "shop",
  pod: "app-1f2e-1",
  port: 4711,
  outboundPort: 0,
  nodePath: "/opt/node/bin/node",
};

test("the container's env wins over the shell's, PORT and the pod's identity over both", (t) => {
  t.deepEqual(workloadEnvironment(options), {
    PATH: "/opt/node/bin:/usr/bin",
    NO_PROXY: "localhost",
    GREETING: "container",
    PORT: "4711",
    HOSTNAME: "app-1f2e-1",
    POD_NAME: "app-1f2e-1",
    POD_NAMESPACE: "shop",
  });
});

test("with a sidecar the proxy is the sidecar, and no inherited exception goes past it", (t) => {
  const environment = workloadEnvironment({ ...options, outboundPort: 15001 });
  t.is(environment["http_proxy"], "http://127.0.0.1:15001");
  t.is(environment["NODE_USE_ENV_PROXY"], "1");
  t.false("NO_PROXY" in environment);
});
