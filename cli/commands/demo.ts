// The command `heddle demo`: the main job with real processes; exit code 1 when any expectation fails.
import { Command } from "commander";
import { runDemo } from "../demo/demo.ts";

export function demoCommand(): Command {
  return new Command("demo")
    .description("show the main job in about twenty seconds: split, header, mirror, mesh, traces, a live edit")
    .addHelpText("after", "\nExample:\n  $ heddle demo")
    .action(async () => {
      const interrupt = new AbortController();
      const stop = (): void => interrupt.abort(new Error("interrupted"));
      process.once("SIGINT", stop).once("SIGTERM", stop);
      if (!(await runDemo((line) => console.log(line), interrupt.signal))) {
        process.exitCode = 1;
      }
      process.off("SIGINT", stop).off("SIGTERM", stop);
    });
}
