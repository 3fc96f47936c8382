#!/usr/bin/env node
// Launcher of the `heddle` command. Plain JavaScript that any Node from 20 on can parse: it finds a Node that is new
// enough, the project's own before any other, and runs cli/main there. Says so in one line when there is none.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const requiredMajor = 26;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const major = Number(process.versions.node.split(".", 1)[0]);

if (major >= requiredMajor) {
  module.enableCompileCache?.(join(root, "node_modules", ".cache", "heddle"));
  // A package carries stripped JavaScript, a checkout the sources.
  const packaged = join(root, "cli", "main.js");
  const entry = existsSync(packaged) ? packaged : join(root, "cli", "main.ts");
  const { main } = await import(pathToFileURL(entry).href);
  const exitCode = await main(process.argv.slice(2));
  // A program that goes on by itself (agent, control-plane) keeps the process; its exit code is its own.
  process.exitCode ??= exitCode;
} else {
  const own = process.env.HEDDLE_RELAUNCHED === "1" ? undefined : findOwnNode();
  if (own === undefined) {
    console.error(
      `heddle needs Node ${requiredMajor} or newer and this is ${process.version}: run \`npm ci\` in ${root}, which installs one for the project`,
    );
    process.exitCode = 1;
  } else {
    runAgain(own);
  }
}

function findOwnNode() {
  const platform = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const candidates = [
    join(root, "node_modules", `node-${platform}`, "bin", "node"),
    join(root, "node_modules", `node-bin-${platform}`, "bin", "node"),
    join(root, "node_modules", ".bin", "node"),
  ];
  return candidates.find((path) => existsSync(path));
}

function runAgain(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, HEDDLE_RELAUNCHED: "1" },
  });
  // Without a terminal nobody signals the whole group, so signals have to be passed on; Ctrl-C in one reaches both.
  for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT"]) {
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on("error", (error) => {
    console.error(`heddle could not start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
  });
}
