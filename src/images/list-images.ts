import { hashJson } from "./hash-file.ts";
import { imagesFolder, kernelPart, type Manifest, partProblems, readPart } from "./image-files.ts";
import { ownGuestDir, readPlan, runtimeNames } from "./recipe-book.ts";

/** A runtime's image as it is on this machine. */
export interface ImageState {
  readonly runtime: string;
  readonly interpreter: string;
  /** Over kernel, initramfs and root file system, as `sha256:<hex>`; null where it is not built. */
  readonly digest: string | null;
  /** Of its root file system; the kernel and the initramfs, which all runtimes share, not counted. */
  readonly sizeBytes: number | null;
  /** Packages that were taken in another version than the pinned one. */
  readonly unpinned: readonly string[];
}

/** All runtimes that have a recipe, with what is built of them. */
export async function listImages(dataDir: string, guestDir = ownGuestDir): Promise<ImageState[]> {
  const names = await runtimeNames(guestDir);
  return Promise.all(names.map((name) => describeImage(name, imagesFolder(dataDir), guestDir)));
}

export async function describeImage(
  name: string,
  imagesDir: string,
  guestDir: string,
): Promise<ImageState> {
  const { recipe } = await readPlan(guestDir, name);
  const kernel = await readPart(imagesDir, kernelPart);
  const runtime = await readPart(imagesDir, name);
  const built = kernel !== null && runtime !== null;
  const packages = built ? [...kernel.manifest.packages, ...runtime.manifest.packages] : [];
  return {
    runtime: name,
    interpreter: recipe.interpreter,
    digest: built ? imageDigest(digestsOf(kernel.manifest, runtime.manifest)) : null,
    sizeBytes: runtime?.manifest.outputs["rootfs"]?.sizeBytes ?? null,
    unpinned: packages
      .filter(({ pinned }) => !pinned)
      .map(({ name: found, version, wanted }) => `${found} ${version} for ${wanted ?? found}`),
  };
}

/** SHA-256, in hex, of the three files that a VM starts from. */
export interface ImageDigests {
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootfs: string;
}

export function digestsOf(kernel: Manifest, runtime: Manifest): ImageDigests {
  return {
    kernel: kernel.outputs["kernel"]?.sha256 ?? "",
    initramfs: kernel.outputs["initramfs"]?.sha256 ?? "",
    rootfs: runtime.outputs["rootfs"]?.sha256 ?? "",
  };
}

/** The one digest of an image, over those of its files. */
export function imageDigest(digests: ImageDigests): string {
  return `sha256:${hashJson(digests)}`;
}

/**
 * Reads every file of every image again. For each runtime: what is not as it was built, a
 * sentence each, and nothing for an image that is whole.
 */
export async function verifyImages(
  dataDir: string,
  guestDir = ownGuestDir,
): Promise<{ runtime: string; problems: string[] }[]> {
  const imagesDir = imagesFolder(dataDir);
  const check = async (part: string): Promise<string[]> => {
    const found = await readPart(imagesDir, part);
    if (found === null)
      return [`its ${part === kernelPart ? "kernel" : "root file system"} is not built`];
    return partProblems(found.folder, found.manifest, { thorough: true });
  };
  const kernelProblems = await check(kernelPart);
  const results = [];
  for (const runtime of await runtimeNames(guestDir)) {
    results.push({ runtime, problems: [...kernelProblems, ...(await check(runtime))] });
  }
  return results;
}
