// The command `heddle inject`: what the webhook would do to the pods of a file, without a cluster.
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { Command, Option } from "commander";
import { defaultInjectionSettings, type InjectionSettings } from "../../control-plane/inject/settings.ts";
import { CommandFailure, UsageError } from "../failure.ts";
import { injectText } from "../inject/inject-text.ts";

interface Flags {
  readonly filename: string;
  readonly namespace: string;
  readonly image: string;
  readonly imagePullPolicy: InjectionSettings["imagePullPolicy"];
  readonly otlpEndpoint: string;
  readonly traceSampling: string;
  readonly kubernetesVersion: string;
}

const defaults = defaultInjectionSettings;

export function injectCommand(): Command {
  return new Command("inject")
    .description("print manifests with the sidecar that the webhook would give their pods")
    .requiredOption("-f, --filename <file>", "a YAML file, or - for standard input")
    .option("-n, --namespace <name>", "namespace of objects that name none", "default")
    .option("--image <reference>", "image of the sidecar", "docker.io/heddle/heddle:dev")
    .addOption(
      new Option("--image-pull-policy <policy>", "of that image")
        .choices(["Always", "IfNotPresent", "Never"])
        .default(defaults.imagePullPolicy),
    )
    .option("--otlp-endpoint <url>", "where agents send spans; nowhere when empty", defaults.otlpEndpoint)
    .option("--trace-sampling <share>", "share of new traces recorded, 0 to 1", defaults.traceSampling)
    .option("--kubernetes-version <version>", "of the cluster", `1.${defaults.kubernetesMinorVersion}`)
    .addHelpText(
      "after",
      `
Injects whatever makes pods, labelled namespace or not; hostNetwork, system namespaces and the pod label
heddle.dev/inject=false are respected. What was done goes to standard error. With the settings of an installation the
output is that of its webhook, which then leaves such pods as they are.

Example:
  $ heddle inject -f deployment.yaml | kubectl apply -f -`,
    )
    .action(runInject);
}

async function runInject(flags: Flags): Promise<void> {
  const settings = readSettings(flags);
  const input = flags.filename === "-" ? await readAll(process.stdin) : await readInput(flags.filename);
  const { text, notes, errors } = injectText(input, settings, flags.namespace);
  if (errors.length > 0) throw new CommandFailure(errors.map((error) => `${flags.filename}: ${error}`).join("\n"));
  process.stdout.write(text);
  for (const note of notes) {
    console.error(note);
  }
  if (notes.length === 0) {
    console.error("nothing here makes pods");
  }
}

async function readInput(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EISDIR") {
      throw new UsageError(`${file} is a folder: name a file`);
    }
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readSettings(flags: Flags): InjectionSettings {
  const { image, imagePullPolicy, otlpEndpoint, traceSampling, kubernetesVersion } = flags;
  const [, minor] = /^v?1\.(\d{1,3})(\.|$)/.exec(kubernetesVersion) ?? [];
  if (minor === undefined) {
    throw new UsageError(`--kubernetes-version must be such as 1.36, not "${kubernetesVersion}"`);
  }
  if (otlpEndpoint !== "" && !/^https?:\/\/\S+$/.test(otlpEndpoint)) {
    throw new UsageError(`--otlp-endpoint must be a URL, such as http://collector:4317, not "${otlpEndpoint}"`);
  }
  if (!/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(traceSampling)) {
    throw new UsageError(`--trace-sampling must be a number from 0 to 1, not "${traceSampling}"`);
  }
  if (!/^\S+$/.test(image)) throw new UsageError(`--image must be an image reference, not "${image}"`);
  return {
    ...defaults,
    image,
    imagePullPolicy,
    otlpEndpoint,
    traceSampling,
    kubernetesMinorVersion: Number(minor),
  };
}
