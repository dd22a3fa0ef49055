import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { RuntimeImage } from "../../src/core/runtime.ts";
import type { SnapshotFiles } from "../../src/core/snapshot.ts";
import {
  snapshotRevision,
  snapshotRuntime,
  type TemplateDeps,
} from "../../src/fleet/template-vm.ts";
import { wakeClone } from "../../src/fleet/wake-clone.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import type { GuestConnection } from "../../src/ports/runtime-client.ts";
import type { VmDriver, VmSnapshots } from "../../src/ports/vm-driver.ts";
import { HttpRuntimeClient } from "../../src/runtime/http-runtime-client.ts";
import { untracedTelemetry } from "../../src/telemetry/telemetry.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";

/** A driver that clones VMs. */
type CloningDriver = VmDriver & { readonly snapshots: VmSnapshots };

/** What a driver brings to the suite of clones. */
export interface CloneHost {
  readonly create: (dataDir: string) => CloningDriver;
  /** By how much more than under QEMU everything takes. */
  readonly slowFactor: number;
}

/** What a runtime brings to the suite of clones. */
export interface CloneSubject {
  readonly runtime: string;
  readonly image: RuntimeImage;
  /**
   * Code that while loading draws once from everything in `draws`, so that all of it is seeded;
   * draws again, as the first code to run after a restore; starts 50 timers of a minute; and notes
   * when a timer of 50 ms fires. Its handler answers `CloneReply` after it waited `event.ms`.
   */
  readonly code: string;
  /** What is drawn, by name: every generator and every cache that the runtime has. */
  readonly draws: readonly string[];
}

/** What the handler of a clone answers. */
interface CloneReply {
  /** Texts, by the names of `draws`: right after the restore, and in this invocation. */
  readonly first: Readonly<Record<string, string>>;
  readonly now: Readonly<Record<string, string>>;
  readonly host_name: string;
  /** Milliseconds since 1970, at the end of the invocation. */
  readonly time_ms: number;
  /** Of the timers of a minute, how many have fired. */
  readonly fired: number;
  /** When, in ms of a clock that is never set, the interval fired since the restore. */
  readonly ticks: readonly number[];
}

interface Clone {
  readonly name: string;
  readonly early: CloneReply;
  readonly late: CloneReply;
  /** By how much the guest's clock differs from the host's, in ms. */
  readonly clockErrorMs: number;
  readonly startMs: number;
}

const cloneCount = 20;
const intervalMs = 50;

/** That clones of one snapshot share nothing that they must not, from their first instruction. */
export function cloneSuite(
  { runtime, image, code, draws }: CloneSubject,
  { create, slowFactor }: CloneHost,
): void {
  describe(`${cloneCount} clones of one ${runtime} snapshot`, () => {
    const clones: Clone[] = [];
    const drawn = (name: string) =>
      clones.flatMap(({ early, late }) => [early.first[name], early.now[name], late.now[name]]);
    let dataDir = "";

    before(async () => {
      dataDir = await newDataDir();
      const nest = await CloneNest.prepare(create(dataDir), { dataDir, image, code });
      for (let count = 0; count < cloneCount; count += 1) clones.push(await nest.hatch());
    });
    after(() => rm(dataDir, { recursive: true }));

    for (const name of draws) {
      it(`differ in ${name}, drawn right after the restore and later`, () => {
        const values = drawn(name);
        assert.equal(values.length, 3 * cloneCount);
        assert.ok(
          values.every((value) => typeof value === "string" && value.length >= 6),
          String(values),
        );
        assert.equal(new Set(values).size, values.length, String(values));
        // Not just in some of their bytes: twenty of 256 values are never all the same.
        const firstBytes = clones.map(({ early }) => early.first[name]?.slice(0, 2));
        assert.ok(new Set(firstBytes).size > 5, String(firstBytes));
      });
    }

    it("draw what the suite asks for, and nothing else", () => {
      for (const { early } of clones) {
        assert.deepEqual(Object.keys(early.first).toSorted(), draws.toSorted());
      }
    });

    it("have the right time", (t) => {
      const errors = clones.map(({ clockErrorMs }) => clockErrorMs);
      t.diagnostic(`the clock is off by at most ${Math.max(...errors)} ms`);
      assert.ok(
        errors.every((error) => error <= 50 * slowFactor),
        errors.join(),
      );
    });

    it("have names of their own", () => {
      assert.deepEqual(
        clones.map(({ early }) => early.host_name),
        clones.map(({ name }) => name),
      );
      assert.equal(new Set(clones.map(({ name }) => name)).size, cloneCount);
    });

    it("fire no timer of before the snapshot because the clock was set", () => {
      assert.deepEqual(
        clones.map(({ late }) => late.fired),
        clones.map(() => 0),
      );
    });

    it("keep the pace of an interval", () => {
      for (const { late } of clones) {
        const gaps = late.ticks.slice(1).map((time, at) => time - (late.ticks[at] ?? 0));
        assert.ok(gaps.length >= 3, String(late.ticks));
        // One that came late, since the guest was slow, may be followed by one that comes early.
        const early = gaps.filter((gap) => gap < intervalMs / 2);
        assert.ok(early.length <= 1 + gaps.length / 10, String(gaps));
      }
    });

    it("say how long they took", (t) => {
      const times = clones.map(({ startMs }) => startMs).toSorted((a, b) => a - b);
      const median = times[times.length / 2] ?? 0;
      t.diagnostic(`from start to the first reply: median ${median.toFixed(0)} ms`);
      assert.ok(median < 5_000 * slowFactor, times.join());
    });
  });
}

/** What clones come of. */
interface Egg {
  readonly dataDir: string;
  readonly image: RuntimeImage;
  readonly code: string;
}

/** Makes the snapshot, as a deployment does, and clones of it. */
class CloneNest {
  readonly #deps: TemplateDeps;
  readonly #driver: CloningDriver;
  readonly #image: RuntimeImage;
  readonly #snapshot: SnapshotFiles;

  private constructor(driver: CloningDriver, image: RuntimeImage, snapshot: SnapshotFiles) {
    this.#driver = driver;
    this.#image = image;
    this.#snapshot = snapshot;
    const runtimeClient = new HttpRuntimeClient();
    this.#deps = {
      driver,
      snapshots: driver.snapshots,
      runtimeClient,
      clock: systemClock,
      telemetry: untracedTelemetry({ version: "0.0.0", driver: driver.kind, accelerator: "" }),
    };
  }

  static async prepare(driver: CloningDriver, { dataDir, image, code }: Egg): Promise<CloneNest> {
    const folder = join(dataDir, "snapshots");
    await mkdir(folder, { mode: 0o700 });
    const base = { memory: join(folder, "base.memory"), state: join(folder, "base.state") };
    const snapshot = { memory: join(folder, "memory"), state: join(folder, "state") };
    const nest = new CloneNest(driver, image, snapshot);
    const signal = AbortSignal.timeout(120_000);
    const bundle = {
      revision: 1,
      functionName: "cloned",
      memoryMib: 256,
      handler: "handler",
      code,
      env: {},
    };
    const spec = { ...specOf(image), template: base };
    await snapshotRuntime({ spec, rehearsal: { ...bundle, code: "" } }, nest.#deps, signal);
    const template = { spec: { ...specOf(image), template: snapshot }, base, bundle };
    await snapshotRevision(template, nest.#deps, signal);
    return nest;
  }

  /** Starts a clone, asks it and destroys it. */
  async hatch(): Promise<Clone> {
    const spec = specOf(this.#image);
    const signal = AbortSignal.timeout(60_000);
    const began = performance.now();
    const paused = await this.#driver.snapshots.restore(spec, this.#snapshot, signal);
    try {
      const connection = await wakeClone(paused, spec.name, this.#deps, signal);
      const early = await ask(connection, 0);
      const startMs = performance.now() - began;
      const late = await ask(connection, 5 * intervalMs);
      const clockErrorMs = await clockErrorOf(connection);
      await connection.close();
      return { name: spec.name, early, late, clockErrorMs, startMs };
    } finally {
      await this.#driver.destroy(spec.id);
    }
  }
}

/** The way of the reply counts as error too, so the least of some is the truest. */
async function clockErrorOf(connection: GuestConnection): Promise<number> {
  const errors: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const { time_ms } = await ask(connection, 0);
    errors.push(Math.abs(time_ms - Date.now()));
  }
  return Math.min(...errors);
}

async function ask(connection: GuestConnection, ms: number): Promise<CloneReply> {
  const call = { requestId: "clone", eventJson: JSON.stringify({ ms }), timeoutMs: 30_000 };
  const reply = await connection.invoke(call, AbortSignal.timeout(30_000));
  assert.equal(reply.status, "success", JSON.stringify(reply.failure));
  return reply.response as CloneReply;
}
