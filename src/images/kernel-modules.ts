import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { PlatformError } from "../core/errors.ts";
import { findMatches } from "./find-matches.ts";

export interface KernelModule {
  readonly name: string;
  readonly content: Buffer;
}

/** What the build of a module wrote into it about itself: `key=value`, ended by a zero byte. */
export function moduleDependencies(content: Buffer): string[] {
  const match = /(?:^|\0)depends=([^\0]*)\0/.exec(content.toString("latin1"));
  return (match?.[1] ?? "").split(",").filter((name) => name !== "");
}

/**
 * The wanted modules of the kernel below `folder` and what they depend on, in an order in which
 * they can be loaded. Rejects with `image_build_failed` for a module that is not there.
 */
export async function resolveModules(
  folder: string,
  wanted: readonly string[],
): Promise<KernelModule[]> {
  const paths = new Map<string, string>();
  for (const path of await findMatches(folder, "**/*.ko")) {
    paths.set(moduleName(basename(path, ".ko")), `${folder}/${path}`);
  }

  const ordered = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    if (ordered.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) {
      throw new PlatformError(
        "image_build_failed",
        `Cannot build the initramfs: the kernel has no module "${name}"`,
      );
    }
    const content = await readFile(path);
    for (const dependency of moduleDependencies(content)) await add(moduleName(dependency));
    ordered.set(name, { name, content });
  };
  for (const name of wanted) await add(moduleName(name));
  return [...ordered.values()];
}

/** Files are called with "-" or "_"; the kernel takes both for the same. */
function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}
