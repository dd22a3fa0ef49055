import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DebianPackage } from "./debian-packages.ts";
import {
  describeOutput,
  type Manifest,
  partProblems,
  publishPart,
  readPart,
  temporaryPrefix,
} from "./image-files.ts";
import type { NpmPin } from "./npm-package.ts";
import type { Architecture } from "./recipe.ts";

/** What all builds of one run share. */
export interface BuildContext {
  readonly imagesDir: string;
  readonly cacheDir: string;
  readonly guestDir: string;
  readonly architecture: Architecture;
  /** Called as a build goes on: what is being done. */
  readonly onStep: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Whether the Debian package sources were asked in this run. */
  readonly sources: { fresh: boolean };
}

export interface PartBuild {
  readonly name: string;
  /** SHA-256 over everything it is made of. */
  readonly inputs: string;
  /** Fills `into` with the outputs, using `workspace` as it likes; resolves to where they came from. */
  readonly make: (into: string, workspace: string) => Promise<PartMaterial>;
}

export interface PartMaterial {
  readonly debian: readonly DebianPackage[];
  readonly npm: NpmPin | null;
  /** What the part has, to the file it is. */
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * Brings one part of an image up to date: nothing is done where its inputs are those of the part
 * that is there. It is made in a folder of its own and moved to its place when it is whole, so an
 * interrupted build leaves what was there before. Resolves to whether it was built.
 */
export async function buildPart(build: PartBuild, context: BuildContext): Promise<boolean> {
  const existing = await readPart(context.imagesDir, build.name);
  if (existing?.manifest.inputs === build.inputs) {
    const problems = await partProblems(existing.folder, existing.manifest, { thorough: false });
    if (problems.length === 0) return false;
  }

  const parent = join(context.imagesDir, build.name);
  await mkdir(parent, { recursive: true });
  await chmod(parent, 0o755);
  const temporary = await mkdtemp(join(parent, temporaryPrefix));
  try {
    const finished = join(temporary, "finished");
    const workspace = join(temporary, "workspace");
    await mkdir(finished);
    await mkdir(workspace);
    const material = await build.make(finished, workspace);
    const manifest = await describePart(finished, build, { ...context, material });
    const path = join(finished, "manifest.json");
    await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
    await describeOutput(finished, "manifest.json");
    await chmod(finished, 0o755);
    await publishPart(context.imagesDir, finished, manifest);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return true;
}

async function describePart(
  folder: string,
  build: PartBuild,
  { material, architecture }: { material: PartMaterial; architecture: Architecture },
): Promise<Manifest> {
  const outputs: Manifest["outputs"] = {};
  for (const [kind, file] of Object.entries(material.outputs)) {
    outputs[kind] = await describeOutput(folder, file);
  }
  const debian = material.debian.map(({ name, version, sha256, pinned, wanted }) => ({
    name,
    version,
    digest: `sha256:${sha256}`,
    pinned,
    ...(pinned ? {} : { wanted }),
  }));
  const npm = material.npm;
  const fromNpm =
    npm === null
      ? []
      : [{ name: npm.name, version: npm.version, digest: npm.integrity, pinned: true }];
  return {
    format: 1,
    name: build.name,
    architecture,
    inputs: build.inputs,
    packages: [...debian, ...fromNpm],
    outputs,
  };
}
