import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import type { SnapshotFiles } from "../core/snapshot.ts";
import { writeFileAtomic } from "../os/atomic-file.ts";

const ManifestSchema = Type.Object({
  /** Version of this file's form, and of what the files are. */
  format: Type.Literal(1),
  /** What the snapshot can only be restored under. */
  conditions: Type.Record(Type.String(), Type.String()),
  /** SHA-256 of each file, in hex. */
  files: Type.Object({
    memory: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    state: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  }),
});

/** What makes the files of a snapshot one: without it they are the rest of an interrupted run. */
export type Manifest = Static<typeof ManifestSchema>;
const manifestCheck = Compile(ManifestSchema);

/** `<data>/snapshots/<name>/`: closed to all but the manager. */
export class SnapshotFolder {
  readonly path: string;
  readonly files: SnapshotFiles;
  readonly #manifest: string;

  constructor(path: string) {
    this.path = path;
    this.files = { memory: join(path, "memory"), state: join(path, "state") };
    this.#manifest = join(path, "manifest.json");
  }

  /** Null where there is none that can be read. */
  async readManifest(): Promise<Manifest | null> {
    try {
      const manifest: unknown = JSON.parse(await readFile(this.#manifest, "utf8"));
      return manifestCheck.Check(manifest) ? manifest : null;
    } catch {
      // Absent or not whole: there is no snapshot to use, and the next use makes one.
      return null;
    }
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await writeFileAtomic(this.#manifest, `${JSON.stringify(manifest, null, 2)}\n`, 0o600);
  }

  /** Bytes that the files take on the disk; they are sparse. */
  async bytes(): Promise<number> {
    const found = await Promise.all(
      Object.values(this.files).map((path) => stat(path).catch(() => null)),
    );
    return found.reduce((sum, file) => sum + (file?.blocks ?? 0) * 512, 0);
  }
}
