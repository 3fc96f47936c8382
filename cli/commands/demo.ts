// The command `heddle demo`.
import { Command } from "commander";
import { CommandFailure } from "../failure.ts";

export function demoCommand(): Command {
  return new Command("demo").description("show the main job").action(() => {
    throw new CommandFailure("not yet");
  });
}
