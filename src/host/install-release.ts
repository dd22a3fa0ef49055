import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { runCommand } from "../os/run-command.ts";
import type { Release } from "./host-check.ts";

/** How long it may take to get an archive. */
const limitMs = 300_000;

/**
 * Puts the programs of a release in their places, each at once, in the place of what was there.
 * Rejects with why not; an archive with another checksum is not opened.
 */
export async function installRelease({ archive, sha256, programs }: Release): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "firelet-release-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const copy = join(folder, "archive.tgz");
  const hash = createHash("sha256");
  await pipeline(
    await open(archive),
    async function* hashed(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(copy),
  );
  const found = hash.digest("hex");
  if (found !== sha256) {
    throw new Error(`${archive} is not what it should be: its SHA-256 is ${found}, want ${sha256}`);
  }
  const members = Object.values(programs);
  await runCommand(["tar", "-xzf", copy, "-C", folder, "--no-same-owner", "--", ...members]);
  for (const [place, member] of Object.entries(programs)) {
    await mkdir(dirname(place), { recursive: true });
    const arrived = `${place}.new`;
    await copyFile(join(folder, member), arrived);
    await chmod(arrived, 0o755);
    await rename(arrived, place);
  }
}

async function open(archive: string): Promise<Readable> {
  if (!/^https?:/.test(archive)) return createReadStream(archive);
  try {
    const answer = await fetch(archive, { signal: AbortSignal.timeout(limitMs) });
    if (!answer.ok || answer.body === null) throw new Error(`the answer is ${answer.status}`);
    return Readable.fromWeb(answer.body);
  } catch (error) {
    // fetch says in its cause what went wrong.
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new Error(`Cannot get ${archive}: ${why}`, { cause: error });
  }
}
