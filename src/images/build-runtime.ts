import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../core/errors.ts";
import type { BuildContext, PartBuild, PartMaterial } from "./build-part.ts";
import { downloadDebianPackages } from "./debian-packages.ts";
import { hashFile, hashJson } from "./hash-file.ts";
import { outputFiles } from "./image-files.ts";
import { downloadNpmPackage, type NpmPin } from "./npm-package.ts";
import { guestFilesOf } from "./recipe.ts";
import { readPlan, type RuntimePlan } from "./recipe-book.ts";
import { layOutTree } from "./root-tree.ts";
import { packSquashfs } from "./squashfs.ts";

/** Counts changes of this code that give another root file system for the same recipe. */
const builderVersion = 4;

/** What it takes to build the root file system of a runtime. */
export async function runtimeBuild(name: string, context: BuildContext): Promise<PartBuild> {
  const plan = await readPlan(context.guestDir, name);
  const { architecture, guestDir } = context;
  const packages = plan.layers.flatMap((layer) => layer.packages ?? []);
  const tools = plan.layers.flatMap((layer) => layer.tools ?? []);
  const names = [...new Set([...packages, ...tools])];
  const npm = npmPinOf(plan, context);

  const make = async (into: string, workspace: string): Promise<PartMaterial> => {
    const debian = await downloadDebianPackages(names, plan.lock, context);
    const filesOf = (some: readonly string[]): string[] =>
      debian.filter(({ wanted }) => some.includes(wanted)).map(({ path }) => path);
    const npmPackage = npm === null ? null : await downloadNpmPackage(npm, context);
    context.onStep(`Laying out ${plan.recipe.interpreter}`);
    const tree = join(workspace, "tree");
    await mkdir(tree);
    await layOutTree(tree, plan.recipe, plan.layers, {
      guestDir,
      architecture,
      packages: filesOf(packages),
      toolPackages: filesOf(tools),
      toolsDir: join(workspace, "tools"),
      npmPackage,
      signal: context.signal,
    });
    context.onStep(`Packing ${plan.recipe.interpreter}`);
    await packSquashfs(tree, join(into, outputFiles.rootfs), context.signal);
    return { debian, npm, outputs: { rootfs: outputFiles.rootfs } };
  };
  const inputs = hashJson({
    builderVersion,
    architecture,
    layers: plan.layers,
    server: plan.recipe.server,
    pins: names.map((wanted) => plan.lock[wanted]),
    npm,
    files: await Promise.all(
      guestFilesOf(plan.layers).map((file) => hashFile(join(guestDir, file))),
    ),
  });
  return { name, inputs, make };
}

function npmPinOf(plan: RuntimePlan, { architecture }: BuildContext): NpmPin | null {
  const npm = plan.layers.find((layer) => layer.npm !== undefined)?.npm;
  if (npm === undefined) return null;
  const pin = npm.package[architecture];
  if (pin === undefined) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot build "${plan.recipe.name}": its recipe has no npm package for ${architecture}`,
    );
  }
  return pin;
}
