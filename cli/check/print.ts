// Lines of `heddle check` under the titles of their categories, with a sum. Pure.
import type { CheckLine, Level } from "./check-line.ts";

const marks: Readonly<Record<Level, string>> = { pass: "√", warn: "‼", fail: "×" };

/** Lines without line ends. */
export function printLines(lines: readonly CheckLine[]): readonly string[] {
  const printed: string[] = [];
  let category = "";
  for (const line of lines) {
    if (line.category !== category) {
      printed.push(...(category === "" ? [] : [""]), line.category, "-".repeat(line.category.length));
      category = line.category;
    }
    printed.push(`${marks[line.level]} ${line.what}`, ...(line.advice === "" ? [] : [`    ${line.advice}`]));
  }
  const count = (level: Level): number => lines.filter((line) => line.level === level).length;
  return [...printed, "", `${count("pass")} passed, ${count("warn")} warnings, ${count("fail")} failed`];
}
