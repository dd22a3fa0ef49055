import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A row of docs/networking.md's table: what becomes of connections to it, by policy. */
export interface PolicyRow {
  readonly to: string;
  readonly cells: Readonly<Record<string, string>>;
}

/** The policy table of docs/networking.md, whose first column is headed `To`. */
export async function readPolicyTable(): Promise<readonly PolicyRow[]> {
  const file = join(import.meta.dirname, "../../docs/networking.md");
  const lines = (await readFile(file, "utf8")).split("\n");
  const start = lines.findIndex((line) => line.startsWith("| To |"));
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  const [head = [], , ...rows] = lines.slice(start, end).map(cellsOf);
  return rows.map(([to = "", ...cells]) => ({
    to,
    cells: Object.fromEntries(cells.map((cell, index) => [head[index + 1] ?? "", cell])),
  }));
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("`", ""));
}
