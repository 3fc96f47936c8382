// The program `wait` of the image: ends once the agent of the pod is ready. A classic sidecar runs it after its start,
// so that the kubelet starts the application's containers only then. Exit codes: 0 ready, 1 not within the deadline.
import { get } from "node:http";
import { agentPorts } from "../proto/kubernetes.ts";

const url = process.env["HEDDLE_WAIT_URL"] || `http://127.0.0.1:${agentPorts.health}/readyz`;
/**
 * Longer than an agent takes for itself (10 s without a control plane), shorter than the usual grace of a pod: the kubelet
 * ends a container that is being deleted only when its postStart has returned.
 */
const deadlineMs = Number(process.env["HEDDLE_WAIT_DEADLINE_MS"] || 20_000);
const askEveryMs = 100;
const answerTimeoutMs = 1000;

/** "" when ready, else what was answered instead. */
function ask(): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: answerTimeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? "" : `status ${response.statusCode ?? 0}`);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer in ${answerTimeoutMs} ms`)));
    request.on("error", (error) => resolve(error.message));
  });
}

async function wait(): Promise<string> {
  for (;;) {
    const answer = await ask();
    if (answer === "" || performance.now() > deadlineMs) return answer;
    await new Promise((resolve) => {
      setTimeout(resolve, askEveryMs);
    });
  }
}

const last = await wait();
if (last !== "") {
  process.stderr.write(`heddle wait: the agent is not ready after ${deadlineMs} ms: ${last}\n`);
  process.exitCode = 1;
}
