import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { findProgram } from "../os/find-program.ts";
import { runCommand } from "../os/run-command.ts";
import { serviceUnit } from "./service.ts";
import { hostView, takeStep } from "./this-host.ts";

describe("a host's files", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "firelet-host-"));
    await mkdir(join(root, "sys"));
    await writeFile(join(root, "sys/state"), "on\n");
  });
  after(() => rm(root, { recursive: true }));

  it("are read where they are, and missed where they are not", async () => {
    const host = hostView(root);
    assert.equal(await host.read("/sys/state"), "on");
    assert.equal(await host.read("/sys/absent"), null);
    assert.deepEqual(await host.list("/sys"), ["state"]);
    assert.deepEqual(await host.list("/absent"), []);
    assert.deepEqual(
      [await host.exists("/sys/state"), await host.exists("/dev/kvm")],
      [true, false],
    );
  });

  it("are written with their folders, for everybody to read", async () => {
    const path = join(root, "etc/modprobe.d/firelet.conf");
    await takeStep({ write: path, text: "options kvm nx_huge_pages=never\n" });
    assert.equal(await readFile(path, "utf8"), "options kvm nx_huge_pages=never\n");
    assert.equal((await stat(path)).mode & 0o777, 0o644);
  });

  it("are changed by programs, which say why they fail", async () => {
    await takeStep({ run: ["rm", join(root, "sys/state")] });
    assert.equal(await hostView(root).exists("/sys/state"), false);
    await assert.rejects(takeStep({ run: ["rm", join(root, "sys/state")] }), /No such file/);
  });

  it(
    "has a service that systemd takes",
    { skip: findProgram("systemd-analyze") === null && "no systemd-analyze here (systemd)" },
    async () => {
      const launcher = join(import.meta.dirname, "../../firelet");
      const unit = join(root, "firelet.service");
      await writeFile(unit, serviceUnit(launcher));
      const { stdout, stderr } = await runCommand(["systemd-analyze", "verify", unit]);
      assert.equal(stdout + stderr, "");
    },
  );
});
