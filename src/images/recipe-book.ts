import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../core/runtime.ts";
import { PlatformError } from "../core/errors.ts";
import {
  type DebianLock,
  type KernelRecipe,
  type Layer,
  readDebianLock,
  readKernelRecipe,
  readLayer,
  readRuntimeRecipe,
  type RuntimeRecipe,
} from "./recipe.ts";

/** The guest folder of this checkout. */
export const ownGuestDir = fileURLToPath(new URL("../../guest", import.meta.url));

/** A runtime's recipe with what it refers to. */
export interface RuntimePlan {
  readonly recipe: RuntimeRecipe;
  /** From the lowest: base, then the runtime's own. */
  readonly layers: readonly Layer[];
  readonly lock: DebianLock;
}

/** The names of all runtimes that have a recipe, in order. */
export async function runtimeNames(guestDir: string): Promise<string[]> {
  const files = await readdir(join(guestDir, "recipes"));
  return files
    .filter((file) => /^[^.]+(\.\d+)*\.json$/.test(file) && file !== "kernel.json")
    .map((file) => file.slice(0, -".json".length))
    .toSorted();
}

/** Reads a runtime's recipe. Rejects with `runtime_image_not_found` for a name that has none. */
export async function readPlan(guestDir: string, name: string): Promise<RuntimePlan> {
  const names = await runtimeNames(guestDir);
  if (!names.includes(name)) {
    throw new PlatformError(
      "runtime_image_not_found",
      `Cannot use runtime "${name}": there are ${names.join(", ")}`,
    );
  }
  const folder = join(guestDir, "recipes");
  const recipe = await readRuntimeRecipe(join(folder, `${name}.json`));
  if (recipe.name !== name) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot use recipe "${name}.json": it is for the runtime "${recipe.name}", and name and file must agree`,
    );
  }
  const base = await readLayer(join(folder, recipe.base));
  return {
    recipe,
    layers: [base, recipe.image],
    lock: await readDebianLock(join(folder, recipe.lock)),
  };
}

export async function readKernelPlan(
  guestDir: string,
): Promise<{ recipe: KernelRecipe; lock: DebianLock }> {
  const folder = join(guestDir, "recipes");
  const recipe = await readKernelRecipe(join(folder, "kernel.json"));
  return { recipe, lock: await readDebianLock(join(folder, recipe.lock)) };
}

/** What a recipe says about its runtime to people. */
export async function describeRuntime(guestDir: string, recipe: RuntimeRecipe): Promise<Runtime> {
  const template = await readFile(join(guestDir, recipe.template), "utf8");
  const { name, interpreter, extensions } = recipe;
  return { name, interpreter, extensions, template };
}
