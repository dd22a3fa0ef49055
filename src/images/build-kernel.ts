import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../core/errors.ts";
import { runCommand } from "../os/run-command.ts";
import type { BuildContext, PartBuild, PartMaterial } from "./build-part.ts";
import { cpioArchive, type CpioEntry } from "./cpio.ts";
import { downloadDebianPackages } from "./debian-packages.ts";
import { findMatches } from "./find-matches.ts";
import { hashJson } from "./hash-file.ts";
import { kernelPart, outputFiles } from "./image-files.ts";
import { type KernelModule, resolveModules } from "./kernel-modules.ts";
import { readKernelPlan } from "./recipe-book.ts";
import { extractVmlinux } from "./vmlinux.ts";

/** Counts changes of this code that give another kernel or initramfs for the same recipe. */
const builderVersion = 1;

/** What it takes to build the kernel and the initramfs that all runtimes share. */
export async function kernelBuild(context: BuildContext): Promise<PartBuild> {
  const { recipe, lock } = await readKernelPlan(context.guestDir);
  const init = await readFile(join(context.guestDir, recipe.init));
  const { architecture } = context;
  const kernelPackage = recipe.package[architecture];
  if (kernelPackage === undefined) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot build the kernel: its recipe has no package for ${architecture}`,
    );
  }
  const names = [kernelPackage, recipe.busybox.package];
  const pins = names.map((name) => lock[name]);

  const make = async (into: string, workspace: string): Promise<PartMaterial> => {
    const packages = await downloadDebianPackages(names, lock, context);
    context.onStep("Extracting the kernel");
    for (const { path } of packages) {
      await runCommand(["dpkg-deb", "--extract", path, workspace], { signal: context.signal });
    }
    const kernel = await findMatches(workspace, recipe.kernel);
    if (kernel.length !== 1) {
      throw new PlatformError(
        "image_build_failed",
        `Cannot build the kernel: "${recipe.kernel}" matches ${kernel.length} files of ${kernelPackage}, and must match one`,
      );
    }
    const vmlinuz = await readFile(join(workspace, kernel[0] ?? ""));
    await writeFile(join(into, outputFiles.kernel), extractVmlinux(vmlinuz));

    context.onStep("Packing the initramfs");
    const modules = await resolveModules(join(workspace, "lib/modules"), recipe.modules);
    const busybox = await readFile(join(workspace, recipe.busybox.path));
    const archive = cpioArchive(initramfsEntries({ busybox, init, modules }));
    await writeFile(join(into, outputFiles.initramfs), archive);
    const { kernel: kernelFile, initramfs } = outputFiles;
    return { debian: packages, npm: null, outputs: { kernel: kernelFile, initramfs } };
  };
  const inputs = hashJson({
    builderVersion,
    architecture,
    recipe,
    pins,
    init: init.toString("base64"),
  });
  return { name: kernelPart, inputs, make };
}

function initramfsEntries(parts: {
  busybox: Buffer;
  init: Buffer;
  modules: readonly KernelModule[];
}): CpioEntry[] {
  const order = parts.modules.map(({ name }) => `${name}.ko\n`).join("");
  return [
    ...["bin", "dev", "lower", "modules", "proc", "root", "upper"].map((path): CpioEntry => ({
      path,
      kind: "folder",
    })),
    // Linux opens it for the first process, before anything can mount /dev.
    { path: "dev/console", kind: "character-device", major: 5, minor: 1 },
    { path: "bin/busybox", kind: "file", content: parts.busybox, executable: true },
    { path: "init", kind: "file", content: parts.init, executable: true },
    ...parts.modules.map(({ name, content }): CpioEntry => ({
      path: `modules/${name}.ko`,
      kind: "file",
      content,
    })),
    { path: "modules/order", kind: "file", content: Buffer.from(order) },
  ];
}
