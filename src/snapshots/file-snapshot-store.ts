import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../core/errors.ts";
import {
  functionOfSnapshot,
  type FunctionSnapshot,
  type SnapshotConditions,
  type SnapshotFiles,
  type SnapshotKey,
  snapshotName,
} from "../core/snapshot.ts";
import type { Log } from "../ports/log.ts";
import type { SnapshotStore, SnapshotUse, StoredSnapshot } from "../ports/snapshot-store.ts";
import { FileDigests, fileStamp } from "./file-digests.ts";
import { SnapshotFolder } from "./snapshot-folder.ts";

export interface FileSnapshotStoreOptions {
  readonly dataDir: string;
  /** What all snapshots may take of the disk, in bytes. */
  readonly limitBytes: number;
  readonly log: Log;
}

/** How long after a snapshot was made it is read: first its clone should have come up. */
const choreDelayMs = 3_000;

/** Begins the names of folders that are being filled; those of a dead manager are swept. */
const temporaryPrefix = "tmp-";
const setAsideFolder = "set-aside";
/** How many snapshots that could not be used are kept to look at. */
const keptAside = 2;

/** A snapshot of this manager whose manifest is not written yet. */
interface Fresh {
  readonly conditions: SnapshotConditions;
  readonly stamps: readonly string[];
}

/** Keeps snapshots in `<data>/snapshots/`, a folder each. */
export class FileSnapshotStore implements SnapshotStore {
  readonly #root: string;
  readonly #limitBytes: number;
  readonly #log: Log;
  readonly #digests = new FileDigests();
  readonly #fresh = new Map<string, Fresh>();
  /** What is to be done after a snapshot can be used. */
  readonly #chores: (() => Promise<void>)[] = [];
  #choresSoon: NodeJS.Timeout | undefined;
  /** One chore after another, to leave the host to functions. */
  #background: Promise<void> = Promise.resolve();

  private constructor(root: string, { limitBytes, log }: FileSnapshotStoreOptions) {
    this.#root = root;
    this.#limitBytes = limitBytes;
    this.#log = log;
  }

  /** Makes the folder, and sweeps what an earlier manager did not finish. */
  static async open(options: FileSnapshotStoreOptions): Promise<FileSnapshotStore> {
    const root = join(options.dataDir, "snapshots");
    await mkdir(join(root, setAsideFolder), { recursive: true, mode: 0o700 });
    const store = new FileSnapshotStore(root, options);
    for (const name of await readdir(root)) {
      if (name === setAsideFolder) continue;
      const { path } = new SnapshotFolder(join(root, name));
      const whole = (await store.#folder(name).readManifest()) !== null;
      if (!whole) await rm(path, { recursive: true, force: true });
    }
    return store;
  }

  async find(key: SnapshotKey, conditions: SnapshotConditions): Promise<StoredSnapshot | null> {
    const name = snapshotName(key);
    const folder = this.#folder(name);
    let problem: string | null;
    try {
      problem = await this.#problemOf(folder, name, conditions);
    } catch (error) {
      problem = messageOf(error);
    }
    if (problem === "absent") return null;
    if (problem !== null) {
      await this.setAside(key, problem);
      return null;
    }
    const now = new Date();
    await utimes(folder.path, now, now);
    return { key, files: folder.files };
  }

  async create(
    key: SnapshotKey,
    conditions: SnapshotConditions,
    write: (files: SnapshotFiles) => Promise<void>,
  ): Promise<StoredSnapshot> {
    const name = snapshotName(key);
    const temporary = new SnapshotFolder(await mkdtemp(join(this.#root, temporaryPrefix)));
    try {
      await write(temporary.files);
      await this.#remove(name);
      await rename(temporary.path, this.#folder(name).path);
    } catch (error) {
      await rm(temporary.path, { recursive: true, force: true });
      throw error;
    }
    const folder = this.#folder(name);
    this.#fresh.set(name, { conditions, stamps: await stampsOf(folder) });
    this.#later(async () => {
      await this.#seal(key, conditions);
      await this.#makeRoom(name);
    });
    return { key, files: folder.files };
  }

  async setAside(key: SnapshotKey, reason: string): Promise<void> {
    const name = snapshotName(key);
    this.#fresh.delete(name);
    const aside = join(this.#root, setAsideFolder);
    try {
      await rename(this.#folder(name).path, join(aside, `${name}-${Date.now()}`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    this.#log.warn({ snapshot: name, reason }, "Snapshot cannot be used and is set aside");
    const kept = await byAge(aside);
    for (const old of kept.slice(0, -keptAside)) {
      await rm(join(aside, old), { recursive: true, force: true });
    }
  }

  async keepOnly(functionId: string, revision: number | null): Promise<void> {
    if (revision === null) await this.#removeAside(`function-${functionId}-`);
    await this.#removeFunctions(
      (found) => found.functionId !== functionId || found.revision === revision,
    );
  }

  async sweep(deployed: ReadonlyMap<string, number>): Promise<void> {
    await this.#removeFunctions((found) => deployed.get(found.functionId) === found.revision);
  }

  /** Of a function that is gone nothing is kept, not even to look at. */
  async #removeAside(prefix: string): Promise<void> {
    const aside = join(this.#root, setAsideFolder);
    for (const name of await readdir(aside)) {
      if (name.startsWith(prefix)) await rm(join(aside, name), { recursive: true, force: true });
    }
  }

  async #removeFunctions(stays: (found: FunctionSnapshot) => boolean): Promise<void> {
    for (const name of await this.#names()) {
      const found = functionOfSnapshot(name);
      if (found !== undefined && !stays(found)) await this.#remove(name);
    }
  }

  async use(): Promise<SnapshotUse> {
    const names = await this.#names();
    const bytes = await Promise.all(names.map((name) => this.#folder(name).bytes()));
    return { count: names.length, bytes: bytes.reduce((sum, one) => sum + one, 0) };
  }

  async close(): Promise<void> {
    clearTimeout(this.#choresSoon);
    this.#doChores();
    await this.#background;
  }

  #folder(name: string): SnapshotFolder {
    return new SnapshotFolder(join(this.#root, name));
  }

  /** Those that can be found, whole ones and fresh ones. */
  async #names(): Promise<string[]> {
    const names = await readdir(this.#root);
    return names.filter((name) => name !== setAsideFolder && !name.startsWith(temporaryPrefix));
  }

  /** What is wrong with a snapshot; null where nothing is. */
  async #problemOf(
    folder: SnapshotFolder,
    name: string,
    conditions: SnapshotConditions,
  ): Promise<string | null> {
    const fresh = this.#fresh.get(name);
    if (fresh !== undefined) {
      const same = String(await stampsOf(folder)) === String(fresh.stamps);
      return same ? difference(fresh.conditions, conditions) : "its files were changed";
    }
    const manifest = await folder.readManifest();
    if (manifest === null) return "absent";
    const misfit = difference(manifest.conditions, conditions);
    if (misfit !== null) return misfit;
    const digests = await this.#digests.of(folder.files);
    for (const file of ["memory", "state"] as const) {
      if (digests[file] !== manifest.files[file]) {
        return `its file "${file}" was changed: its SHA-256 is ${digests[file]}, and was ${manifest.files[file]}`;
      }
    }
    return null;
  }

  /** Writes the manifest, which takes reading all files; until then only this manager trusts them. */
  async #seal(key: SnapshotKey, conditions: SnapshotConditions): Promise<void> {
    const name = snapshotName(key);
    const fresh = this.#fresh.get(name);
    if (fresh?.conditions !== conditions) return;
    const folder = this.#folder(name);
    const files = await this.#digests.of(folder.files);
    if (this.#fresh.get(name) !== fresh) return;
    if (String(await stampsOf(folder)) !== String(fresh.stamps)) {
      await this.setAside(key, "its files were changed");
      return;
    }
    await folder.writeManifest({ format: 1, conditions: { ...conditions }, files });
    this.#fresh.delete(name);
  }

  /** Removes what was not used for longest, but not `newest`, until the rest fits the limit. */
  async #makeRoom(newest: string): Promise<void> {
    let { bytes } = await this.use();
    for (const name of await byAge(this.#root)) {
      if (bytes <= this.#limitBytes) return;
      if (name === newest || name === setAsideFolder || name.startsWith(temporaryPrefix)) continue;
      bytes -= await this.#folder(name).bytes();
      await this.#remove(name);
      this.#log.info({ snapshot: name }, "Snapshot removed: it was not used for longest");
    }
  }

  async #remove(name: string): Promise<void> {
    this.#fresh.delete(name);
    await rm(this.#folder(name).path, { recursive: true, force: true });
  }

  #later(chore: () => Promise<void>): void {
    this.#chores.push(chore);
    clearTimeout(this.#choresSoon);
    this.#choresSoon = setTimeout(() => this.#doChores(), choreDelayMs).unref();
  }

  #doChores(): void {
    for (const chore of this.#chores.splice(0)) {
      this.#background = this.#background.then(chore).catch((error: unknown) => {
        // It was removed, or set aside, while it was read.
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
        this.#log.warn({ error: messageOf(error) }, "Snapshots were not looked after");
      });
    }
  }
}

async function stampsOf({ files }: SnapshotFolder): Promise<string[]> {
  return [await fileStamp(files.memory), await fileStamp(files.state)];
}

/** The first condition that is not met, in words; null where all are. */
function difference(was: SnapshotConditions, is: SnapshotConditions): string | null {
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    if (was[name] !== is[name]) {
      return `it was taken with ${name} "${was[name] ?? "none"}", and here is "${is[name] ?? "none"}"`;
    }
  }
  return null;
}

/** The names in a folder, those that were not touched for longest first. */
async function byAge(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const touched = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => null);
      return { name, ms: found?.mtimeMs ?? 0 };
    }),
  );
  return touched.toSorted((a, b) => a.ms - b.ms).map(({ name }) => name);
}
