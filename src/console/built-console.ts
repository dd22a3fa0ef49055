import { createHash, type Hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../os/run-command.ts";

const root = join(import.meta.dirname, "../..");

/** What the console is made of, in the project's folder; the lock file stands for all packages. */
const inputs = [
  "package-lock.json",
  "tsconfig.json",
  "web/index.html",
  "web/vite.config.ts",
  "web/public",
  "web/src",
  "src/api",
  "src/client",
  "src/core",
];

/** How long a build may take; it takes a second or two. */
const limitMs = 120_000;

/** Each state of the sources has a folder of its own, so that a manager keeps the one it serves. */
const buildsFolder = join(root, ".firelet/console");

/** How many are kept beside the newest. */
const keptBuilds = 2;

/**
 * The folder with the console as a browser wants it; built where the sources have changed. Rejects
 * with the system's or Vite's own words.
 */
export async function builtConsole(onBuild: () => void = () => undefined): Promise<string> {
  const folder = join(buildsFolder, digestOf(inputs));
  if (existsSync(folder)) return folder;
  onBuild();
  await mkdir(buildsFolder, { recursive: true });
  const unfinished = `${folder}.${process.pid}`;
  const vite = fileURLToPath(new URL("bin/vite.js", import.meta.resolve("vite/package.json")));
  const options = ["--outDir", unfinished, "--logLevel", "warn"];
  try {
    // A process of its own: a manager has no use for a bundler afterwards.
    await runCommand([process.execPath, vite, "build", join(root, "web"), ...options], {
      timeoutMs: limitMs,
      env: { NODE_ENV: "production" },
    });
    // Another one may have been faster; both made the same.
    await rename(unfinished, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  await removeOldBuilds(folder);
  return folder;
}

function digestOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) addTo(hash, path);
  return hash.digest("hex").slice(0, 16);
}

function addTo(hash: Hash, path: string): void {
  const whole = join(root, path);
  try {
    for (const entry of readdirSync(whole).toSorted()) addTo(hash, join(path, entry));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTDIR") throw error;
    hash.update(`${path}\0`).update(readFileSync(whole)).update("\0");
  }
}

async function removeOldBuilds(newest: string): Promise<void> {
  const names = (await readdir(buildsFolder)).filter((name) => !name.includes("."));
  const others = names.map((name) => join(buildsFolder, name)).filter((path) => path !== newest);
  for (const path of others.slice(0, -keptBuilds)) {
    await rm(path, { recursive: true, force: true });
  }
}
