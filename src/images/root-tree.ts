import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { PlatformError } from "../core/errors.ts";
import { runCommand } from "../os/run-command.ts";
import { findMatches } from "./find-matches.ts";
import type { Architecture, Layer, RuntimeRecipe } from "./recipe.ts";

/** Where Debian keeps the libraries of a processor, and the loader of its programs. */
const debianPaths: Record<Architecture, { multiarch: string; loader: string }> = {
  amd64: { multiarch: "x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { multiarch: "aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" },
};

export interface TreeInputs {
  readonly guestDir: string;
  readonly architecture: Architecture;
  /** Package files of Debian, in the order in which they are laid out. */
  readonly packages: readonly string[];
  /** Package files whose programs the layers' commands run; laid out in `toolsDir`, which is made. */
  readonly toolPackages: readonly string[];
  readonly toolsDir: string;
  /** The npm package's file, where a layer has one. */
  readonly npmPackage: string | null;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lays out the root file system of a runtime in the empty folder `tree`: base, image, then what
 * starts the server. Owners do not matter, mksquashfs makes everything root's.
 */
export async function layOutTree(
  tree: string,
  recipe: RuntimeRecipe,
  layers: readonly Layer[],
  inputs: TreeInputs,
): Promise<void> {
  await extract(inputs.packages, tree, inputs);
  await extract(inputs.toolPackages, inputs.toolsDir, inputs);
  for (const layer of layers) await layOut(tree, layer, inputs);
  await put(tree, "usr/local/bin/runtime-server", startScript(recipe));
  await chmod(join(tree, "usr/local/bin/runtime-server"), 0o755);
  for (const layer of layers) await runCommands(tree, layer, inputs);
  for (const layer of layers) await leaveOut(tree, layer.excludes ?? []);
  await settleModes(tree);
}

async function extract(packages: readonly string[], into: string, inputs: TreeInputs) {
  for (const path of packages) {
    await runCommand(["dpkg-deb", "--extract", path, into], { signal: inputs.signal });
  }
}

async function layOut(tree: string, layer: Layer, inputs: TreeInputs): Promise<void> {
  for (const folder of layer.folders ?? []) await mkdir(join(tree, folder), { recursive: true });
  if (layer.npm !== undefined && inputs.npmPackage !== null) {
    await unpackNpm(tree, inputs.npmPackage, layer.npm.files);
  }
  for (const [from, to] of Object.entries(layer.files ?? {})) {
    await mkdir(dirname(join(tree, to)), { recursive: true });
    await copyFile(join(inputs.guestDir, from), join(tree, to));
    const script = (await readFile(join(tree, to))).subarray(0, 2).toString() === "#!";
    await chmod(join(tree, to), script ? 0o755 : 0o644);
  }
  for (const [to, text] of Object.entries(layer.texts ?? {})) await put(tree, to, text);
  for (const [to, pattern] of Object.entries(layer.joins ?? {})) {
    const parts = await findMatches(tree, pattern);
    if (parts.length === 0) throw failed(`nothing matches "${pattern}"`);
    const contents = await Promise.all(parts.map((part) => readFile(join(tree, part), "utf8")));
    await put(tree, to, contents.map((text) => `${text.trimEnd()}\n`).join(""));
  }
  for (const [at, target] of Object.entries(layer.links ?? {})) await link(tree, at, target);
  if (layer.busybox !== undefined) await linkBusybox(tree, layer.busybox);
}

async function unpackNpm(
  tree: string,
  archive: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const unpacked = join(tree, ".npm-package");
  await mkdir(unpacked);
  // Everything in an npm package lies below one folder, by custom "package".
  const wanted = Object.keys(files).map((file) => `package/${file}`);
  await runCommand(["tar", "-xzf", archive, "-C", unpacked, ...wanted]);
  for (const [from, to] of Object.entries(files)) {
    await mkdir(dirname(join(tree, to)), { recursive: true });
    await rename(join(unpacked, "package", from), join(tree, to));
  }
  await rm(unpacked, { recursive: true });
}

async function linkBusybox(tree: string, path: string): Promise<void> {
  const { stdout } = await runCommand([join(tree, path), "--list"]);
  for (const name of stdout.trim().split("\n")) {
    const at = join(dirname(path), name);
    const taken = await lstat(join(tree, at)).catch(() => null);
    if (taken === null) await symlink("busybox", join(tree, at));
  }
}

/** A shell script, so that init need not know what a runtime's server is started with. */
function startScript({ server: { argv, env = {}, heap } }: RuntimeRecipe): string {
  const lines = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`);
  if (heap !== undefined) {
    // The first line of this file is the memory that Linux has to give, in KiB.
    lines.push("read -r _ memoryKib _ </proc/meminfo");
    lines.push(`heapMib=$(((memoryKib / 1024 - ${heap.reserveMib}) * ${heap.percent} / 100))`);
  }
  const words = argv.map((word) => word.split("{heapMib}").map(quoted).join('"$heapMib"'));
  return ["#!/bin/sh", ...lines, `exec ${words.join(" ")}`, ""].join("\n");
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@%+-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

async function runCommands(tree: string, layer: Layer, inputs: TreeInputs): Promise<void> {
  const { guestDir: guest, toolsDir: tools } = inputs;
  const values: Record<string, string> = {
    tree,
    tools,
    guest,
    ...debianPaths[inputs.architecture],
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  for (const { argv, env } of layer.commands ?? []) {
    const [program, ...args] = argv.map(fill);
    if (program === undefined) continue;
    await runCommand([program, ...args], {
      env: Object.fromEntries(Object.entries(env ?? {}).map(([k, v]) => [k, fill(v)])),
      timeoutMs: 300_000,
      signal: inputs.signal,
    });
  }
}

async function leaveOut(tree: string, patterns: readonly string[]): Promise<void> {
  for (const pattern of patterns) {
    for (const path of await findMatches(tree, pattern)) {
      await rm(join(tree, path), { recursive: true, force: true });
    }
  }
}

/** No set-uid bits, nothing unreadable, and nothing that depends on the umask of this build. */
async function settleModes(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await settleModes(path);
    else if (entry.isFile()) {
      await chmod(path, ((await lstat(path)).mode & 0o111) === 0 ? 0o644 : 0o755);
    } else if (!entry.isSymbolicLink()) {
      throw failed(`"${path}" is neither file, folder nor link`);
    }
  }
}

async function put(tree: string, to: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, to)), { recursive: true });
  await writeFile(join(tree, to), text);
}

async function link(tree: string, at: string, target: string): Promise<void> {
  await mkdir(dirname(join(tree, at)), { recursive: true });
  await rm(join(tree, at), { force: true });
  await symlink(target, join(tree, at));
}

function failed(why: string): PlatformError {
  return new PlatformError("image_build_failed", `Cannot build the root file system: ${why}`);
}
