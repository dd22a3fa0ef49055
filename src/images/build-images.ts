import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../core/errors.ts";
import { kernelBuild } from "./build-kernel.ts";
import { whileLocked } from "./build-lock.ts";
import { type BuildContext, buildPart } from "./build-part.ts";
import { runtimeBuild } from "./build-runtime.ts";
import { findMatches } from "./find-matches.ts";
import { imagesFolder, temporaryPrefix } from "./image-files.ts";
import { describeImage, type ImageState } from "./list-images.ts";
import type { Architecture } from "./recipe.ts";
import { ownGuestDir, readPlan, runtimeNames } from "./recipe-book.ts";

export interface BuildOptions {
  readonly dataDir: string;
  /** The runtimes to build; all that have a recipe where it is empty. */
  readonly names?: readonly string[];
  /** Where downloads are kept. Default: `cache` in the data folder. */
  readonly cacheDir?: string;
  /** Recipes and what goes into images. Default: this checkout's own. */
  readonly guestDir?: string;
  /** What is being done, and how much of the whole is done, in percent. */
  readonly onProgress?: (doing: string, percent?: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface BuiltImage extends ImageState {
  /** Whether anything had to be built. */
  readonly changed: boolean;
}

/**
 * Brings the images of runtimes up to date, the kernel that they share first. Safe to interrupt
 * and to run twice at once. Rejects with `image_build_failed`, or `runtime_image_not_found` for a
 * runtime that has no recipe.
 */
export async function buildImages(options: BuildOptions): Promise<BuiltImage[]> {
  const guestDir = options.guestDir ?? ownGuestDir;
  const names = options.names?.length ? options.names : await runtimeNames(guestDir);
  for (const name of names) await readPlan(guestDir, name);

  const imagesDir = imagesFolder(options.dataDir);
  const cacheDir = options.cacheDir ?? join(options.dataDir, "cache");
  await mkdir(cacheDir, { recursive: true });
  await mkdir(imagesDir, { recursive: true });
  // VMs run under users of their own and have to get at their image, whatever the umask is here.
  await chmod(imagesDir, 0o755);

  const progress = options.onProgress ?? (() => {});
  const onWait = (): void => progress("Waiting for another build to end");
  const { signal } = options;
  return whileLocked(join(imagesDir, "build.lock"), { onWait, signal }, async () => {
    await sweep(imagesDir);
    const architecture = ownArchitecture();
    const sources = { fresh: false };
    const common = { imagesDir, cacheDir, guestDir, architecture, signal, sources };
    return buildParts(names, common, progress);
  });
}

async function buildParts(
  names: readonly string[],
  common: Omit<BuildContext, "onStep">,
  progress: NonNullable<BuildOptions["onProgress"]>,
): Promise<BuiltImage[]> {
  let done = 0;
  const onStep = (text: string): void =>
    progress(text, Math.round((100 * done) / (names.length + 1)));
  const context: BuildContext = { ...common, onStep };

  const kernelChanged = await buildPart(await kernelBuild(context), context);
  const built: BuiltImage[] = [];
  for (const name of names) {
    done += 1;
    const changed = await buildPart(await runtimeBuild(name, context), context);
    const state = await describeImage(name, context.imagesDir, context.guestDir);
    built.push({ ...state, changed: changed || kernelChanged });
  }
  progress(built.some(({ changed }) => changed) ? "Images are built" : "Nothing has changed", 100);
  return built;
}

/** Removes what builds that were interrupted left; the lock says that none is under way. */
async function sweep(imagesDir: string): Promise<void> {
  for (const path of await findMatches(imagesDir, `*/${temporaryPrefix}*`)) {
    await rm(join(imagesDir, path), { recursive: true, force: true });
  }
}

function ownArchitecture(): Architecture {
  if (process.arch === "x64") return "amd64";
  if (process.arch === "arm64") return "arm64";
  throw new PlatformError(
    "image_build_failed",
    `Cannot build images: this machine is ${process.arch}, and recipes are for x64 and arm64`,
  );
}
