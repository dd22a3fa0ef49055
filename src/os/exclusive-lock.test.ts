import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { waitUntil } from "../../test/support/wait-until.ts";
import { tryExclusiveLock } from "./exclusive-lock.ts";

describe("tryExclusiveLock", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-lock-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("gives a file to one holder until it is released", () => {
    const file = join(folder, "a.lock");
    const held = tryExclusiveLock(file);
    assert.ok(held);
    assert.equal(tryExclusiveLock(file), null);
    held.release();
    const again = tryExclusiveLock(file);
    assert.ok(again);
    again.release();
  });

  it("is free again when the holder was killed", async () => {
    const file = join(folder, "b.lock");
    const module = JSON.stringify(new URL("exclusive-lock.ts", import.meta.url).href);
    const script = `
      const { tryExclusiveLock } = await import(${module});
      tryExclusiveLock(${JSON.stringify(file)});
      console.log("held");
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(holder.stdout, "data");
    assert.equal(tryExclusiveLock(file), null);
    holder.kill("SIGKILL");
    await waitUntil("the lock is free", () => {
      const lock = tryExclusiveLock(file);
      lock?.release();
      return lock !== null;
    });
  });
});
