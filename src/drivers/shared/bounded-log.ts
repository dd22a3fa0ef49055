import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import { OutputTail } from "./output-tail.ts";

/** How fast output is taken in: a program that floods its console is slowed down to this. */
const bytesPerSecond = 8 * 1024 * 1024;

/**
 * A log file of bounded size: when it is half the limit it becomes `<path>.1`, in place of the one
 * before. Memory holds one chunk at a time, so the writer waits for the disk and not the reverse.
 */
export class BoundedLog {
  /** The end of what was written, at hand when something has to be explained. */
  readonly tail = new OutputTail();
  readonly #path: string;
  readonly #halfBytes: number;
  #file: FileHandle;
  #sizeBytes = 0;
  #queue: Promise<void> = Promise.resolve();

  private constructor(path: string, limitBytes: number, file: FileHandle) {
    this.#path = path;
    this.#halfBytes = Math.floor(limitBytes / 2);
    this.#file = file;
  }

  /** Starts an empty log that never takes more than `limitBytes` of disk. */
  static async create(path: string, limitBytes: number): Promise<BoundedLog> {
    return new BoundedLog(path, limitBytes, await openNew(path));
  }

  /** Takes in all of `stream`, and resolves when it has ended. Never rejects. */
  async drain(stream: Readable): Promise<void> {
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        this.tail.push(chunk);
        await this.#append(chunk);
        await sleep((1000 * chunk.length) / bytesPerSecond);
      }
    } catch {
      // A pipe that breaks has ended.
    }
  }

  /** Resolves when all that was taken in is in the file, which is then closed. Repeatable. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }

  /** Two streams may write to one log, so writes wait for one another. Never rejects. */
  #append(chunk: Buffer): Promise<void> {
    // A disk that is full costs lines of the log, and not the VM that waits for its output to go.
    this.#queue = this.#queue.then(() => this.#write(chunk)).catch(() => undefined);
    return this.#queue;
  }

  async #write(chunk: Buffer): Promise<void> {
    const kept = chunk.subarray(-this.#halfBytes);
    if (this.#sizeBytes + kept.length > this.#halfBytes) await this.#rotate();
    await this.#file.writeFile(kept);
    this.#sizeBytes += kept.length;
  }

  async #rotate(): Promise<void> {
    await this.#file.close();
    await rename(this.#path, `${this.#path}.1`);
    this.#file = await openNew(this.#path);
    this.#sizeBytes = 0;
  }
}

/** The last `maxBytes` of the log at `path`, older part included; empty where there is none. */
export async function readLogEnd(path: string, maxBytes: number): Promise<Buffer> {
  const parts = await Promise.all([`${path}.1`, path].map(readIfPresent));
  return Buffer.concat(parts).subarray(-maxBytes);
}

async function openNew(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, "ax", 0o600);
}

async function readIfPresent(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
