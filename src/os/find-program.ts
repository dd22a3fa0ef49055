import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** The path of a program as a shell would find it; null where there is none. */
export function findProgram(name: string, searchPath = process.env["PATH"] ?? ""): string | null {
  const places = isAbsolute(name)
    ? [name]
    : searchPath.split(delimiter).map((dir) => join(dir, name));
  return places.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Absent or not ours to run: not a program for us either way.
    return false;
  }
}
