// How `heddle up` talks to its user: in a terminal a live table with log lines above it, otherwise one JSON line a
// second on standard output and log lines on standard error. The output of every local process also goes to a file.
import { LiveArea, type Terminal } from "./live-area.ts";
import type { LiveRoute } from "./live-routes.ts";
import { renderTable } from "./table.ts";
import type { Log } from "../log.ts";

/** The picture of one second. */
export interface Picture {
  readonly time: string;
  readonly generation: string;
  readonly pods: { readonly ready: number; readonly total: number };
  readonly agents: { readonly ready: number; readonly total: number };
  readonly routes: readonly LiveRoute[];
}

export interface Output extends Log {
  show(picture: Picture): void;
  /** Prints what is still held back. */
  close(): void;
}

export interface OutputOptions {
  /** Leaves out what local processes print. */
  readonly quiet: boolean;
  readonly color: boolean;
  /** Writes a process's line to its file. */
  readonly keepOutput: (speaker: string, text: string) => void;
}

const maxOutputLinesPerDrawing = 20;

/** For a terminal. Lines are collected and printed with the next drawing, at most five times a second. */
export function terminalOutput(terminal: Terminal, options: OutputOptions): Output {
  const area = new LiveArea(terminal);
  let picture: Picture | null = null;
  let pending: string[] = [];
  let outputLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const draw = (): void => {
    timer = undefined;
    const above = pending;
    if (outputLines > maxOutputLinesPerDrawing) {
      above.push(`... ${outputLines - maxOutputLinesPerDrawing} more lines in .heddle/logs`);
    }
    pending = [];
    outputLines = 0;
    area.draw(above, picture === null ? [] : drawing(picture, area, options.color));
  };
  const schedule = (): void => {
    timer ??= setTimeout(draw, 200);
  };
  const add = (line: string): void => {
    pending.push(line);
    schedule();
  };
  return {
    line: (speaker, text) => add(`${label(speaker, options.color)} ${text}`),
    problem: (speaker, text) => add(`${label(speaker, options.color)} ${red(text, options.color)}`),
    output: (speaker, text) => {
      options.keepOutput(speaker, text);
      if (!options.quiet) {
        outputLines++;
        if (outputLines <= maxOutputLinesPerDrawing) {
          pending.push(`${label(speaker, options.color)} ${text}`);
        }
        schedule();
      }
    },
    detail: options.keepOutput,
    show: (next) => {
      picture = next;
      schedule();
    },
    close: () => {
      clearTimeout(timer);
      draw();
    },
  };
}

/** For pipes and files. */
export function jsonOutput(
  streams: { readonly out: (text: string) => void; readonly error: (text: string) => void },
  options: OutputOptions,
): Output {
  const say = (speaker: string, text: string): void => streams.error(`[${speaker}] ${text}\n`);
  return {
    line: say,
    problem: say,
    output: (speaker, text) => {
      options.keepOutput(speaker, text);
      if (!options.quiet) {
        say(speaker, text);
      }
    },
    detail: options.keepOutput,
    show: (picture) => streams.out(`${JSON.stringify(picture)}\n`),
    close: () => {},
  };
}

function drawing(picture: Picture, area: LiveArea, color: boolean): readonly string[] {
  const { pods, agents, routes } = picture;
  const summary = `heddle up  ${pods.ready}/${pods.total} pods ready  ${agents.ready}/${agents.total} agents  Ctrl-C stops`;
  return [
    "",
    ...renderTable(routes, { width: area.width, height: area.height - 2, color }),
    summary.slice(0, area.width),
  ];
}

function label(speaker: string, color: boolean): string {
  return color ? `\u001B[36m[${speaker}]\u001B[39m` : `[${speaker}]`;
}

function red(text: string, color: boolean): string {
  return color ? `\u001B[31m${text}\u001B[39m` : text;
}
