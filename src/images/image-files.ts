import { open, readdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { syncFolder } from "../os/atomic-file.ts";
import { hashFile } from "./hash-file.ts";

const OutputSchema = Type.Object({
  file: Type.String({ pattern: "^[a-z0-9][a-z0-9.-]*$" }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
});

const ManifestSchema = Type.Object({
  /** Version of this file's form. */
  format: Type.Literal(1),
  /** A runtime, or `kernel`. */
  name: Type.String(),
  architecture: Type.String(),
  /** SHA-256 over everything that the part was made of: equal inputs need no new build. */
  inputs: Type.String(),
  /** What came from outside; `wanted` differs from what was taken where `pinned` is false. */
  packages: Type.Array(
    Type.Object({
      name: Type.String(),
      version: Type.String(),
      digest: Type.String(),
      pinned: Type.Boolean(),
      wanted: Type.Optional(Type.String()),
    }),
  ),
  outputs: Type.Record(Type.String(), OutputSchema),
});

export type Output = Static<typeof OutputSchema>;
/** What one part of an image (the kernel, or a runtime's root file system) is made of. */
export type Manifest = Static<typeof ManifestSchema>;
const manifestCheck = Compile(ManifestSchema);

/** The part that all runtimes share. */
export const kernelPart = "kernel";
/** Begins the names of folders that a build works in; those of a dead build are swept by the next. */
export const temporaryPrefix = "tmp-";

export const outputFiles = {
  kernel: "vmlinux",
  initramfs: "initramfs.cpio",
  rootfs: "rootfs.squashfs",
} as const;

export function imagesFolder(dataDir: string): string {
  return join(dataDir, "images");
}

/** Where a part that is in use is found: a link to the folder of its newest build. */
export function currentFolder(imagesDir: string, part: string): string {
  return join(imagesDir, part, "current");
}

/** The manifest of a part and the real folder it lies in; null where it is not built or not readable. */
export async function readPart(
  imagesDir: string,
  part: string,
): Promise<{ folder: string; manifest: Manifest } | null> {
  const link = currentFolder(imagesDir, part);
  try {
    const folder = join(dirname(link), basename(await readlink(link)));
    const manifest: unknown = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"));
    return manifestCheck.Check(manifest) ? { folder, manifest } : null;
  } catch {
    // Absent, half a disk, or not JSON: in each case there is no part to use, and a build makes one.
    return null;
  }
}

/** Describes a file that was built, and puts it on the disk. */
export async function describeOutput(folder: string, file: string): Promise<Output> {
  const path = join(folder, file);
  const handle = await open(path, "r+");
  try {
    await handle.chmod(0o644);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { file, sizeBytes: (await stat(path)).size, sha256: await hashFile(path) };
}

/**
 * Moves a finished folder to its place and makes it the current one, in one step for whoever reads
 * `current`. The build before it is kept, since VMs may be starting from it; older ones go.
 */
export async function publishPart(
  imagesDir: string,
  finished: string,
  part: Manifest,
): Promise<void> {
  const parent = join(imagesDir, part.name);
  const version = part.inputs.slice(0, 16);
  const previous = await readlink(join(parent, "current")).catch(() => null);
  const place = join(parent, version);
  await rm(place, { recursive: true, force: true });
  await rename(finished, place);

  const link = join(parent, `${temporaryPrefix}current`);
  await rm(link, { force: true });
  await symlink(version, link);
  await rename(link, join(parent, "current"));
  await syncFolder(parent);

  const keep = new Set(["current", version, previous]);
  for (const name of await readdir(parent)) {
    if (!keep.has(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** What is wrong with a part's files, a sentence each; with `thorough` their content is read too. */
export async function partProblems(
  folder: string,
  manifest: Manifest,
  { thorough }: { thorough: boolean },
): Promise<string[]> {
  const problems: string[] = [];
  for (const { file, sizeBytes, sha256 } of Object.values(manifest.outputs)) {
    const path = join(folder, file);
    const found = await stat(path).catch(() => null);
    if (found === null) problems.push(`${path} is missing`);
    else if (found.size !== sizeBytes) {
      problems.push(`${path} has ${found.size} bytes and was built with ${sizeBytes}`);
    } else if (thorough && (await hashFile(path)) !== sha256) {
      problems.push(`${path} was changed: its SHA-256 is not ${sha256}`);
    }
  }
  return problems;
}
