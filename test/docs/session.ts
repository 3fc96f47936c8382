// A page's shell blocks, run one after the other as a reader would: `npx heddle up` is started and left running, the
// other blocks are run by bash, and what they print is compared with the `text` block below them. Runs on a copy of
// manifests/samples, with the Gateways' port 80 made a free one; what is printed is turned back.
//
//   ```sh                            is run, unless the line above it is <!-- not run: why -->
//   ```text below it                 what it prints: "…" stands for anything within a line, "..." for any lines
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { ExecutionContext } from "ava";
import { fetchState, type UpState } from "../../cli/up/state-server.ts";
import { freePort } from "../../cli/up/workload/free-port.ts";
import { type Block, blocksOf, read, root } from "./pages.ts";

const upCommand = /^npx heddle up (\S+)$/;
const deadlineMs = 20_000;

/** Whether a block changes what `heddle up` reads. */
const editsFiles = /^(sed -i\S*|cp) /m;
/** What a second look may still bring: counters arrive about once a second, copies a moment after the answer. */
const mayLag = /npx heddle get|\.heddle\//;

/** Programs that the pages' commands need and this machine lacks. */
export function missingPrograms(): readonly string[] {
  return ["bash", "curl", "sed", "grep"].filter((program) => {
    try {
      execFileSync("sh", ["-c", `command -v ${program}`]);
      return false;
    } catch {
      return true;
    }
  });
}

export class Session {
  readonly #t: ExecutionContext;
  readonly #page: string;
  readonly #folder: string;
  readonly #port: number;
  #up: { readonly folder: string; readonly process: ChildProcess; readonly exited: Promise<void> } | null = null;
  #log = "";

  private constructor(t: ExecutionContext, page: string, folder: string, port: number) {
    this.#t = t;
    this.#page = page;
    this.#folder = folder;
    this.#port = port;
  }

  /** Runs every block of a page that is marked for it; resolves with how many. */
  static async run(t: ExecutionContext, page: string): Promise<number> {
    const folder = await mkdtemp(join(tmpdir(), "heddle-docs-"));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const session = new Session(t, page, folder, await freePort());
    await session.#prepare();
    t.teardown(() => session.#stop());
    const blocks = blocksOf(read(page));
    let ran = 0;
    for (const [index, block] of blocks.entries()) {
      if (block.language !== "sh" || block.comment.startsWith("not run: ")) continue;
      const next = blocks[index + 1];
      await session.#runBlock(block, next?.language === "text" && next.follows ? next : null);
      ran++;
    }
    await session.#stop();
    return ran;
  }

  async #prepare(): Promise<void> {
    const samples = join(this.#folder, "manifests", "samples");
    await cp(join(root, "manifests", "samples"), samples, {
      recursive: true,
      filter: (source) => !source.includes(".heddle"),
    });
    for (const file of await readdir(samples, { recursive: true })) {
      if (!file.endsWith(".yaml")) continue;
      const path = join(samples, file);
      const text = await readFile(path, "utf8");
      // A sample's patience with its probes is not what a page is about.
      const changed = text
        .replaceAll("initialDelaySeconds: 5", "initialDelaySeconds: 0")
        .replaceAll("periodSeconds: 5", "periodSeconds: 1");
      const isGateway = file.endsWith("gateway.yaml");
      await writeFile(path, isGateway ? changed.replaceAll(/port: 80$/gm, `port: ${this.#port}`) : changed);
    }
    const programs = join(this.#folder, "bin");
    await mkdir(programs);
    // npx takes a second to find what is right here; that the real one finds it is a test of its own.
    const launcher = join(root, "bin", "heddle.mjs");
    await writeFile(join(programs, "npx"), `#!/bin/sh\nshift\nexec "${process.execPath}" "${launcher}" "$@"\n`, {
      mode: 0o755,
    });
  }

  async #runBlock(block: Block, expected: Block | null): Promise<void> {
    const commands = block.lines.join("\n");
    const up = upCommand.exec(commands);
    if (up !== null) return this.#start(up[1] ?? "", block);
    const before = (await this.#state())?.generation ?? "";
    const startedMs = performance.now();
    for (;;) {
      const printed = await this.#bash(commands);
      if (expected === null || matches(printed, expected.lines)) break;
      if (commands.includes("curl") || !mayLag.test(commands) || performance.now() - startedMs > deadlineMs / 4) {
        this.#t.fail(
          `${this.#page}:${block.line} printed\n${printed}\nand line ${expected.line} says\n${expected.lines.join("\n")}\nthe last of the log:\n${this.#log.slice(-1000)}`,
        );
        break;
      }
      await pause(100);
    }
    if (editsFiles.test(commands)) {
      const changed = ({ isSettled, generation }: UpState): boolean => isSettled && generation !== before;
      await this.#until(changed, `${this.#page}:${block.line} takes effect`);
    }
  }

  /** Runs commands to their end; resolves with what they printed on both outputs, ports as a reader would see them. */
  #bash(commands: string): Promise<string> {
    const script = commands.replaceAll("localhost:8080", `localhost:${this.#port}`);
    const child = spawn("bash", ["-c", script], {
      cwd: this.#folder,
      env: {
        ...process.env,
        PATH: `${join(this.#folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
        LC_ALL: "C",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
    }
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => {
        resolve(printed.replaceAll(`port ${this.#port}`, "port 80").replaceAll(String(this.#port), "8080"));
      });
    });
  }

  async #start(folder: string, block: Block): Promise<void> {
    await this.#stop();
    const child = spawn(process.execPath, [join(root, "bin", "heddle.mjs"), "up", folder], {
      cwd: this.#folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
    });
    this.#up = { folder: join(this.#folder, folder), process: child, exited };
    await this.#until(({ isSettled, pods }) => isSettled && pods.length > 0, `${this.#page}:${block.line} is up`);
  }

  #state(): Promise<UpState | null> {
    return this.#up === null ? Promise.resolve(null) : fetchState(join(this.#up.folder, ".heddle"));
  }

  async #until(holds: (state: UpState) => boolean, what: string): Promise<void> {
    const startedMs = performance.now();
    for (let state = await this.#state(); state === null || !holds(state); state = await this.#state()) {
      if (performance.now() - startedMs > deadlineMs)
        throw new Error(`not in time: ${what}\n${this.#log.slice(-2000)}`);
      await pause(20);
    }
  }

  async #stop(): Promise<void> {
    const up = this.#up;
    this.#up = null;
    if (up === null) return;
    up.process.kill("SIGINT");
    await up.exited;
  }
}

/** Whether printed lines are what a text block shows. Runs of spaces count as one: columns move with a port's width. */
export function matches(printed: string, expected: readonly string[]): boolean {
  const normal = (line: string): string => line.replaceAll(/\s+/g, " ").trim();
  const pattern = expected.map((line) =>
    line === "..." ? "(?:.*\n)*" : `${RegExp.escape(normal(line)).replaceAll(RegExp.escape("…"), ".*")}\n`,
  );
  const lines = printed.replace(/\n$/, "").split("\n");
  return new RegExp(`^${pattern.join("")}$`).test(`${lines.map(normal).join("\n")}\n`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
