// A sample under test: its folder copied to a temporary place, its Gateway's port 80 made a free one, and `heddle up`
// started on it as a process of its own, as a user would. Everything ends with the test.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { request, type Agent } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { fetchState, type UpState } from "../../cli/up/state-server.ts";
import { freePort } from "../../cli/up/workload/free-port.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const launcher = join(root, "bin", "heddle.mjs");

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `heddle ...arguments` to its end. */
export function heddle(...argumentList: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, ...argumentList], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

/** A copy of manifests/samples/`sample` (with the servers beside it) that the test may change. */
export async function copySample(t: ExecutionContext, sample: string): Promise<{ folder: string; port: number }> {
  const top = await mkdtemp(join(tmpdir(), "heddle-sample-"));
  t.teardown(() => rm(top, { recursive: true, force: true }));
  const source = join(root, "manifests", "samples", sample);
  const folder = join(top, "scenario");
  // Somebody may have run the sample where it stands.
  await cp(source, folder, { recursive: true, filter: (path) => !path.endsWith(".heddle") });
  await cp(join(dirname(source), "server.mjs"), join(top, "server.mjs")).catch(() => {});
  const port = await freePort();
  await replaceIn(join(folder, "gateway.yaml"), "port: 80\n", `port: ${port}\n`);
  return { folder, port };
}

export class RunningSample {
  readonly folder: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** What `heddle up` printed so far. */
  stdout = "";
  stderr = "";
  readonly exited: Promise<number | null>;

  constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.process = spawn(process.execPath, [launcher, "up", folder], { stdio: ["ignore", "pipe", "pipe"], cwd: root });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) => {
      this.process.once("exit", (code) => resolve(code));
    });
  }

  /** Starts the sample and waits until all of it is ready. `prepare` may change the folder first. */
  static async start(
    t: ExecutionContext,
    sample: string,
    prepare: (folder: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<RunningSample> {
    const { folder, port } = await copySample(t, sample);
    await prepare(folder);
    const running = new RunningSample(folder, port);
    t.teardown(() => running.stop());
    await running.settled();
    return running;
  }

  state(): Promise<UpState | null> {
    return fetchState(join(this.folder, ".heddle"));
  }

  async settled(): Promise<UpState> {
    let last: UpState | null = null;
    await until(async () => {
      last = await this.state();
      return last?.isSettled === true && last.pods.length > 0;
    }, `settled; so far:\n${this.stderr}`);
    return last as unknown as UpState;
  }

  /** Exit code; SIGINT as Ctrl-C does it, if it still runs. */
  async stop(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGINT");
    }
    return this.exited;
  }

  /** Saves a file of the folder once, with every text replaced; waits until all agents have it. */
  async edit(file: string, replacements: readonly (readonly [string, string])[]): Promise<void> {
    const before = (await this.settled()).generation;
    await replaceIn(join(this.folder, file), ...replacements.flat());
    await this.applied(before);
  }

  async write(file: string, text: string): Promise<void> {
    const before = (await this.settled()).generation;
    await writeFile(join(this.folder, file), text);
    await this.applied(before);
  }

  /** Waits until a generation other than `before` is held by every agent. */
  async applied(before: string): Promise<void> {
    await until(async () => {
      const state = await this.state();
      return state?.isSettled === true && state.generation !== before;
    }, "the edit is applied");
  }

  /** One request, on a connection of its own unless an agent is given. */
  send(path: string, options: RequestOptions = {}): Promise<Answer> {
    return sendTo(this.port, path, options);
  }

  /** How often each answer (through `key`) came back. */
  async count(
    requests: number,
    path: string,
    key: (answer: Answer) => string,
    options: RequestOptions = {},
  ): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let index = 0; index < requests; index++) {
      const name = key(await this.send(path, options));
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Requests without a pause, a connection each, until stopped. Resolves with how often each status or error came. */
  startLoad(path: string, options: RequestOptions = {}): { stop(): Promise<Record<string, number>> } {
    const outcomes: Record<string, number> = {};
    const stopping = new AbortController();
    const done = (async () => {
      while (!stopping.signal.aborted) {
        const outcome = await this.send(path, options).then(({ status }) => String(status), String);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    })();
    return {
      stop: async () => {
        stopping.abort();
        await done;
        return outcomes;
      },
    };
  }

  /** What the pods of a Deployment logged. */
  async logs(deployment: string): Promise<readonly string[]> {
    const folder = join(this.folder, ".heddle", "logs");
    const names = (await readdir(folder)).filter((name) => name.startsWith(`${deployment}-`));
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
    return texts.flatMap((text) => text.split("\n")).filter((line) => line !== "");
  }
}

export function sendTo(port: number, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body = "", agent } = options;
  return new Promise((resolve, reject) => {
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request(
      { host: "127.0.0.1", port, path, method, headers: { ...headers, ...length }, agent: agent ?? false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
        response.on("error", reject);
      },
    );
    outgoing.setTimeout(10_000, () => outgoing.destroy(new Error("no answer in 10 s")));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The `.version` of a JSON answer, as `jq -r .version` prints it; the status when it is not 200. */
export function version({ status, body }: Answer): string {
  return status === 200 ? String((JSON.parse(body) as { version: unknown }).version) : `status ${status}`;
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > endMs) {
      throw new Error(`waited ${timeoutMs} ms until ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/** Pairs of texts; throws when a first one is not in the file. */
export async function replaceIn(path: string, ...pairs: readonly string[]): Promise<void> {
  let text = await readFile(path, "utf8");
  for (let index = 0; index < pairs.length; index += 2) {
    const [from = "", to = ""] = pairs.slice(index, index + 2);
    if (!text.includes(from)) {
      throw new Error(`${path} does not contain ${JSON.stringify(from)}`);
    }
    text = text.replace(from, to);
  }
  await writeFile(path, text);
}
