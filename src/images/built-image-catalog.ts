import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, PlatformError } from "../core/errors.ts";
import type { VmImage } from "../core/runtime.ts";
import type { CataloguedRuntime, ImageCatalog } from "../ports/image-catalog.ts";
import { hashFile } from "./hash-file.ts";
import { currentFolder, imagesFolder, kernelPart, outputFiles, readPart } from "./image-files.ts";
import { imageDigest } from "./list-images.ts";
import { describeRuntime, ownGuestDir, readPlan, runtimeNames } from "./recipe-book.ts";

/** Absolute paths that take the place of what was built. */
export type ImageOverrides = Readonly<
  Record<string, { kernel?: string; initramfs?: string; rootfs?: string }>
>;

type ImageFile = keyof typeof outputFiles;
const imageFiles = ["kernel", "initramfs", "rootfs"] as const satisfies readonly ImageFile[];

/** The images that `firelet images build` made, or the files that the configuration names instead. */
export class BuiltImageCatalog implements ImageCatalog {
  readonly #imagesDir: string;
  readonly #guestDir: string;
  readonly #overrides: ImageOverrides;
  /** Digests of files that the configuration names, by what would change with their content. */
  readonly #digests = new Map<string, Promise<string>>();

  constructor(options: { dataDir: string; overrides?: ImageOverrides; guestDir?: string }) {
    this.#imagesDir = imagesFolder(options.dataDir);
    this.#guestDir = options.guestDir ?? ownGuestDir;
    this.#overrides = options.overrides ?? {};
  }

  async list(): Promise<readonly CataloguedRuntime[]> {
    const names = await runtimeNames(this.#guestDir);
    return Promise.all(
      names.map(async (name) => {
        const { recipe } = await readPlan(this.#guestDir, name);
        const image = await this.resolve(name).catch(ignoreMissing);
        const runtime = await describeRuntime(this.#guestDir, recipe);
        return { ...runtime, imageDigest: image?.digest ?? null };
      }),
    );
  }

  async resolve(name: string): Promise<VmImage> {
    await readPlan(this.#guestDir, name);
    const kernel = await this.#file("kernel", kernelPart, name);
    const initramfs = await this.#file("initramfs", kernelPart, name);
    const rootfs = await this.#file("rootfs", name, name);
    return {
      kind: "vm",
      runtime: name,
      digest: imageDigest({
        kernel: kernel.sha256,
        initramfs: initramfs.sha256,
        rootfs: rootfs.sha256,
      }),
      kernel: kernel.path,
      initramfs: initramfs.path,
      rootfs: rootfs.path,
    };
  }

  async #file(
    kind: (typeof imageFiles)[number],
    part: string,
    runtime: string,
  ): Promise<{ path: string; sha256: string }> {
    const named = this.#overrides[runtime]?.[kind];
    if (named !== undefined) {
      const setting = `the setting "images.${runtime}.${kind}"`;
      const found = await stat(named).catch(() => null);
      if (found === null) throw notFound(named, `${setting} names it`);
      const sha256 = await this.#digestOf(named, found).catch((error: unknown) => {
        throw notFound(named, `${setting} names it, and it cannot be read: ${messageOf(error)}`);
      });
      return { path: named, sha256 };
    }
    const remedy = `build it with "firelet images build ${runtime}"`;
    const built = await readPart(this.#imagesDir, part);
    const output = built?.manifest.outputs[kind];
    if (built === null || output === undefined) {
      throw notFound(join(currentFolder(this.#imagesDir, part), outputFiles[kind]), remedy);
    }
    const path = join(built.folder, output.file);
    if ((await stat(path).catch(() => null))?.size !== output.sizeBytes)
      throw notFound(path, remedy);
    return { path, sha256: output.sha256 };
  }

  /** The digest of a file that the configuration names; one that cannot be read is tried again. */
  async #digestOf(path: string, { size, mtimeMs, ino }: Stats): Promise<string> {
    const state = `${path}\0${size}\0${mtimeMs}\0${ino}`;
    const digest = this.#digests.get(state) ?? hashFile(path);
    this.#digests.set(state, digest);
    try {
      return await digest;
    } catch (error) {
      this.#digests.delete(state);
      throw error;
    }
  }
}

function notFound(path: string, remedy: string): PlatformError {
  return new PlatformError(
    "runtime_image_not_found",
    `Runtime image not found: ${path}: ${remedy}`,
  );
}

function ignoreMissing(error: unknown): null {
  if (error instanceof PlatformError && error.code === "runtime_image_not_found") return null;
  throw error;
}
