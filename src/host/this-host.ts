import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { findProgram } from "../os/find-program.ts";
import { runCommand } from "../os/run-command.ts";
import type { HostView, SetupStep } from "./host-check.ts";
import { installRelease } from "./install-release.ts";

/** A host whose files are below `root`; this one's are unless told. */
export function hostView(root = "/"): HostView {
  const at = (path: string) => join(root, path);
  return {
    read: async (path) => {
      try {
        return (await readFile(at(path), "utf8")).trim();
      } catch {
        // Not there, or not for us.
        return null;
      }
    },
    list: (path) => readdir(at(path)).catch(() => []),
    exists: (path) =>
      access(at(path)).then(
        () => true,
        () => false,
      ),
    versionOf: async (program) => {
      const path = findProgram(program);
      if (path === null) return null;
      // One that fails is there all the same, and says what is wrong.
      const run = runCommand([path, "--version"], { timeoutMs: 5_000 });
      return run.then(({ stdout }) => stdout, String);
    },
  };
}

/** Does one thing to this host. Rejects with why that failed. */
export async function takeStep(step: SetupStep): Promise<void> {
  if ("run" in step) return void (await runCommand(step.run, { timeoutMs: 60_000 }));
  if ("install" in step) return installRelease(step.install);
  const { write: path, text } = step;
  // The kernel's own files are there, or what they are about is not.
  if (!path.startsWith("/sys/")) await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o644 });
}
