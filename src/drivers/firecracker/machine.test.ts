import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { StandInFirecracker } from "../../../test/support/stand-in-firecracker.ts";
import { FirecrackerApi } from "./api.ts";
import {
  type ApiCall,
  bootCalls,
  reportCall,
  restoreCalls,
  resumeCall,
  snapshotCalls,
} from "./machine.ts";

const vm = { name: "fn-hello-1a2b3c4d", vcpus: 2, memoryMib: 256 };
const boot = bootCalls(vm, "tap0");

describe("the requests to Firecracker", () => {
  let folder = "";
  before(async () => (folder = await mkdtemp(join(tmpdir(), "firelet-calls-"))));
  after(() => rm(folder, { recursive: true }));

  /** Makes calls as the driver does; resolves to the state that they leave a machine in. */
  const make = async (...calls: readonly ApiCall[]) => {
    await using standIn = new StandInFirecracker();
    const socket = join(folder, "api.sock");
    await standIn.listen(socket);
    const limit = AbortSignal.timeout(10_000);
    using api = await FirecrackerApi.open(socket, limit);
    await api.run(calls, limit);
    return standIn.state;
  };

  it("boot a machine that reports, and take its snapshot, as Firecracker's description has it", async () => {
    assert.equal(await make(...boot, reportCall), "running");
    assert.equal(await make(...boot, ...snapshotCalls), "paused");
  });

  it("restore a machine, which runs when it is told to", async () => {
    assert.equal(await make(...restoreCalls), "paused");
    assert.equal(await make(...restoreCalls, resumeCall, ...snapshotCalls), "paused");
  });

  it("would be refused otherwise", async () => {
    const [metrics, machine] = boot;
    const refusals: readonly (readonly [RegExp, ...ApiCall[]])[] = [
      [/no such request: PUT \/machine$/, ["PUT", "/machine", {}]],
      [/no such request: PUT \/drives\/other/, ["PUT", "/drives/other", { drive_id: "root" }]],
      [/\/rate /, ["PUT", "/entropy", { rate: 1 }]],
      [/required/, ["PUT", "/boot-source", {}]],
      [/vcpu_count/, ["PUT", "/machine-config", { vcpu_count: 33, mem_size_mib: 128 }]],
      [/before starting/, resumeCall],
      [/after starting/, ...boot, metrics!],
      [/not paused/, ...boot, snapshotCalls[1]!],
      [/not allowed after PUT \/machine-config/, machine!, restoreCalls[1]!],
      [/InstanceStart is not supported/, ...boot, boot.at(-1)!],
    ];
    for (const [why, ...calls] of refusals) {
      await assert.rejects(make(...calls), why, JSON.stringify(calls.at(-1)));
    }
  });
});
