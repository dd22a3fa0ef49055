import { createHash } from "node:crypto";
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

import { writeFileAtomic } from "../../os/atomic-file.ts";

/**
 * What a probe found, kept in `<data>/probe-cache/` under what the answer depends on: one file per
 * question, so that it does not grow.
 */
export class ProbeCache {
  readonly #folder: string;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, "probe-cache");
  }

  /** The kept answer to `question` under the same `conditions`; otherwise asks, and keeps it. */
  async get<T>(
    question: string,
    conditions: readonly unknown[],
    ask: () => Promise<T>,
  ): Promise<T> {
    const path = join(this.#folder, `${question}.json`);
    const key = createHash("sha256").update(JSON.stringify(conditions)).digest("hex");
    const kept = await readAnswer(path);
    if (kept?.key === key) return kept.answer as T;
    const answer = await ask();
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFileAtomic(path, `${JSON.stringify({ key, answer }, null, 2)}\n`);
    } catch {
      // A data folder that cannot be written to costs the time to ask again, and says so elsewhere.
    }
    return answer;
  }
}

async function readAnswer(path: string): Promise<{ key: unknown; answer: unknown } | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as { key: unknown; answer: unknown };
  } catch {
    // Never asked, or not written whole.
    return undefined;
  }
}

/** Changes when the file at `path` does. */
export async function stampOf(path: string): Promise<string> {
  const target = await realpath(path);
  const { size, mtimeMs } = await stat(target);
  return `${target} ${size} ${mtimeMs}`;
}
