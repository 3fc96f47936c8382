// CPU time and resident memory of a process with all its threads and children (nginx works in a child), from /proc.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** User and system time used so far, in microseconds. Resolution is one clock tick (10 ms on Linux). */
export function cpuMicroseconds(pid: number): number {
  let ticks = 0;
  for (const id of family(pid)) {
    const stat = readFileSync(`/proc/${id}/stat`, "latin1");
    // The name in parentheses may hold spaces: fields are counted from after it. utime is field 14, stime 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks / ticksPerSecond) * 1e6;
}

/** Resident memory in megabytes (1024 * 1024). */
export function residentMegabytes(pid: number): number {
  let kilobytes = 0;
  for (const id of family(pid)) {
    kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "latin1"))?.[1] ?? 0);
  }
  return kilobytes / 1024;
}

function family(pid: number): number[] {
  const all = [pid];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").trim();
    if (children !== "") for (const child of children.split(" ")) all.push(...family(Number(child)));
  }
  return all;
}
