import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

import { imagesFolder } from "../../src/images/image-files.ts";
import { testImagesDir, vmImages } from "../support/vm-images.ts";

const main = join(import.meta.dirname, "../../src/cli-main.ts");
const { skip } = await vmImages("node");
const obstacle = existsSync("/dev/kvm")
  ? process.geteuid?.() !== 0 && "VMs have networks of their own only where the manager is root"
  : "there is no /dev/kvm here";

/** Says that it is Firecracker, and that a guest runs. */
const standIn = `#!/bin/sh
if [ "$1" = --version ]; then echo "Firecracker v1.16.1"; else echo FIRELET-PROBE-OK; exec sleep 10; fi
`;

describe("firelet doctor", { skip: skip || obstacle }, () => {
  let folder = "";
  const program = () => join(folder, "firecracker");
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-doctor-"));
    await chmod(folder, 0o755);
    await symlink(imagesFolder(testImagesDir), imagesFolder(folder));
    await writeFile(program(), standIn);
    await chmod(program(), 0o755);
  });
  after(() => rm(folder, { recursive: true }));
  const doctor = async (settings: Readonly<Record<string, string>>) => {
    const env = {
      PATH: process.env["PATH"],
      NO_COLOR: "1",
      FIRELET_DATA: folder,
      FIRELET_FIRECRACKER_BIN: program(),
      ...settings,
    };
    const argv = ["--disable-warning=ExperimentalWarning", main, "doctor"];
    return (await promisify(execFile)(process.execPath, argv, { env, timeout: 60_000 })).stdout;
  };

  it("finds Firecracker usable where VMs have networks of their own, and says what is amiss", async () => {
    const said = await doctor({ FIRELET_JAILER: "no" });
    assert.match(said, /^✔ firecracker: Firecracker 1\.16\.1$/m);
    assert.match(said, /^ +VMs are not jailed: that is switched off$/m);
    assert.match(said, /^firelet up takes firecracker: /m);
  });

  it("does without Firecracker where a jail was asked for and fails", async () => {
    const said = await doctor({ FIRELET_JAILER_BIN: "/bin/false" });
    assert.match(said, /^✖ firecracker: not usable$/m);
    assert.match(said, /^ +VMs cannot be jailed: no guest starts in one: it ended with status 1$/m);
    assert.match(said, /^ +To use it: Use --no-jailer, or the driver qemu$/m);
    assert.match(said, /^firelet up takes qemu: /m);
  });
});
