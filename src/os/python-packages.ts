import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "./run-command.ts";

/** Written last, with the requirements that the folder was filled from. */
const stampName = ".requirements";

/** Whether the folder has what the requirements file names, and nothing older. */
export async function hasPythonPackages(requirements: string, folder: string): Promise<boolean> {
  try {
    return (
      (await readFile(join(folder, stampName), "utf8")) === (await readFile(requirements, "utf8"))
    );
  } catch {
    // There is no folder yet, or one that was not filled to the end.
    return false;
  }
}

/**
 * Fills a folder for PYTHONPATH with the wheels that a requirements file names by version and
 * hash; nothing to do where it has them. Runs no code of theirs. Rejects with the end of pip's
 * output, and leaves what was there.
 */
export async function installPythonPackages(requirements: string, folder: string): Promise<void> {
  if (await hasPythonPackages(requirements, folder)) return;
  const filling = `${folder}.${process.pid}`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    const exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:"];
    const quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
    const argv = ["-m", "pip", "install", ...exact, ...quiet] as const;
    await runCommand(["python3", ...argv, "--target", filling, "--requirement", requirements]);
    // Requirements that name nothing make no folder.
    await mkdir(filling, { recursive: true });
    await writeFile(join(filling, stampName), await readFile(requirements));
    await rm(folder, { recursive: true, force: true });
    await rename(filling, folder);
  } finally {
    await rm(filling, { recursive: true, force: true });
  }
}
