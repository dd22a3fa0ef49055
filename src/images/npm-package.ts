import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, PlatformError } from "../core/errors.ts";
import { runCommand } from "../os/run-command.ts";
import { hashFile } from "./hash-file.ts";

export interface NpmPin {
  readonly name: string;
  readonly version: string;
  /** `sha512-<base64>`, as in npm's lock files. */
  readonly integrity: string;
}

/**
 * The path of an npm package's file, fetched by the npm of this host from the registry that it is
 * configured for and kept in the cache. Rejects with `image_build_failed`, also where the file
 * does not have the pinned integrity.
 */
export async function downloadNpmPackage(
  pin: NpmPin,
  options: { cacheDir: string; onStep: (text: string) => void; signal?: AbortSignal | undefined },
): Promise<string> {
  const folder = join(options.cacheDir, "npm");
  const path = join(folder, `${pin.name.replaceAll("/", "-")}-${pin.version}.tgz`);
  if (await isGood(path, pin)) return path;

  await mkdir(folder, { recursive: true });
  options.onStep(`Downloading ${pin.name} ${pin.version}`);
  const temporary = await mkdtemp(join(folder, "tmp-"));
  try {
    const spec = `${pin.name}@${pin.version}`;
    await runCommand(
      [
        "npm",
        "pack",
        spec,
        "--pack-destination",
        temporary,
        "--ignore-scripts",
        "--prefer-offline",
      ],
      { signal: options.signal },
    );
    const [file] = await readdir(temporary);
    const packed = join(temporary, file ?? "");
    if (file === undefined || !(await isGood(packed, pin))) {
      throw new Error(`the file does not have the integrity ${pin.integrity}`);
    }
    await rename(packed, path);
    return path;
  } catch (error) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot fetch npm package "${pin.name}" ${pin.version}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function isGood(path: string, pin: NpmPin): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && `sha512-${await hashFile(path, "sha512", "base64")}` === pin.integrity;
}
