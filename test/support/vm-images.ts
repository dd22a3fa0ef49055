import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";

import { messageOf } from "../../src/core/errors.ts";
import type { VmImage } from "../../src/core/runtime.ts";
import { BuiltImageCatalog } from "../../src/images/built-image-catalog.ts";
import { buildImages } from "../../src/images/build-images.ts";
import { findProgram } from "../../src/os/find-program.ts";

/** Where tests build images: once for all of them, and again only where something has changed. */
export const testImagesDir =
  process.env["FIRELET_TEST_IMAGES"] ??
  fileURLToPath(new URL("../../.firelet/test-images", import.meta.url));

export type VmImages =
  | { readonly images: Readonly<Record<string, VmImage>>; readonly skip: false }
  /** Why no VM can be started here. */
  | { readonly images: null; readonly skip: string };

/**
 * The images of `runtimes`, built where they are not up to date. Where VMs cannot be started, the
 * reason for `describe`'s `skip`; with REQUIRE_VM=1 that rejects instead.
 */
export async function vmImages(...runtimes: readonly string[]): Promise<VmImages> {
  try {
    if (findProgram("qemu-system-x86_64") === null) throw new Error("QEMU is not installed");
    await buildImages({ dataDir: testImagesDir, names: runtimes });
    const catalog = new BuiltImageCatalog({ dataDir: testImagesDir });
    const found = runtimes.map(async (name) => [name, await catalog.resolve(name)] as const);
    return { images: Object.fromEntries(await Promise.all(found)), skip: false };
  } catch (error) {
    const skip = `No VM can be started here: ${messageOf(error)}`;
    if (process.env["REQUIRE_VM"] === "1") throw new Error(skip, { cause: error });
    return { images: null, skip };
  }
}

/** Declares a suite that runs managers on QEMU with the images of all runtimes, or says why not. */
export async function describeOnQemu(suite: (images: string) => void): Promise<void> {
  const { skip } = await vmImages("node", "python");
  if (skip === false) suite(join(testImagesDir, "images"));
  else describe("managers with real microVMs", { skip }, () => undefined);
}

/** The folder with the images of all runtimes, built where they are not up to date. */
export async function sharedTestImages(): Promise<string> {
  await buildImages({ dataDir: testImagesDir });
  return join(testImagesDir, "images");
}
