// The metrics of an agent, of a Gateway's or a pod's, scraped through the API server, so from anywhere that kubectl works.
import { agentPorts, labels } from "../../../proto/kubernetes.ts";
import { type MetricFamily, parsePrometheusText } from "../../support/prometheus-text.ts";
import { kubectl } from "./kubectl.ts";

/** The families of the Gateway's one agent; strict: malformed text is an error. */
export async function scrapeGateway(namespace: string, gateway: string): Promise<Map<string, MetricFamily>> {
  const selector = `${labels.gatewayName}=${gateway}`;
  const list = ["-n", namespace, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}"];
  return scrapePod(namespace, await kubectl(list));
}

/** The families of the pod's agent. */
export async function scrapePod(namespace: string, pod: string): Promise<Map<string, MetricFamily>> {
  const page = `/api/v1/namespaces/${namespace}/pods/${pod}:${agentPorts.health}/proxy/metrics`;
  return parsePrometheusText(await kubectl(["get", "--raw", page]));
}
