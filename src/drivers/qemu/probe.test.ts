import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import { ProbeCache } from "../shared/probe-cache.ts";
import { probeQemu } from "./probe.ts";

const dataDir = await mkdtemp(join(tmpdir(), "firelet-probe-test-"));
after(() => rm(dataDir, { recursive: true }));

const refuse = () => Promise.reject(new Error("no"));

const probe = async (qemuPath: string) =>
  (await probeQemu({ dataDir, qemuPath, accelerator: "auto", image: null })).probe;

describe("probeQemu", () => {
  it("says which program is missing, and what to install", async () => {
    assert.deepEqual(await probe("qemu-that-nobody-has"), {
      usable: false,
      reason: "qemu-that-nobody-has is not installed",
      remedy: "apt-get install qemu-system-x86",
    });
  });

  it("does not take a program for QEMU that ends at once, and passes on its words", async () => {
    const program = join(import.meta.dirname, "../../../test/fixtures/vmm-exits-at-once/run");
    const found = await probe(program);
    assert.ok(!found.usable);
    assert.match(found.reason, /vmm-exits-at-once\/run cannot run a guest: it ended with status 3/);
    assert.match(found.reason, /it is bricked up/);
  });
});

describe("ProbeCache", () => {
  const cache = new ProbeCache(dataDir);
  let asked = 0;
  const ask = async () => (asked += 1);

  it("asks once for the same conditions, and again for others", async () => {
    assert.equal(await cache.get("question", ["boot 1"], ask), 1);
    assert.equal(await new ProbeCache(dataDir).get("question", ["boot 1"], ask), 1);
    assert.equal(await cache.get("question", ["boot 2"], ask), 2);
  });

  it("asks again where what it kept is not whole, and does not keep a failure", async () => {
    await writeFile(join(dataDir, "probe-cache/question.json"), '{"key": "');
    assert.equal(await cache.get("question", ["boot 2"], ask), 3);
    await assert.rejects(cache.get("question", ["boot 3"], refuse), /no/);
    assert.equal(await cache.get("question", ["boot 3"], ask), 4);
  });
});
