import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { text } from "node:stream/consumers";

import { isRunning } from "../../../test/support/is-running.ts";
import { waitUntil } from "../../../test/support/wait-until.ts";
import { startChild } from "../../os/child-process.ts";
import { descendantsOf } from "../shared/process-tree.ts";
import { isJailable, jailed, jailerOf } from "./jail.ts";

const isRoot = process.geteuid?.() === 0;

/** In the place of the jailer: says what it was told, and becomes what would be jailed. */
const standIn = `#!/bin/sh
echo "$@"
cd "$(dirname "$0")/run.jail/firecracker-1.16/vm-1/root" && pwd -P
cat rootfs
touch rootfs 2>/dev/null && echo "It can be written to"
exec sleep "\${SECONDS_TO_RUN:-0}"
`;

describe("Firecracker's jail", () => {
  let folder = "";
  const at = (name: string) => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-jail-"));
    await mkdir(at("run"));
    for (const name of ["jailer", "firecracker-1.16"]) {
      await writeFile(at(name), standIn);
      await chmod(at(name), 0o755);
    }
    await symlink("firecracker-1.16", at("vmm"));
  });
  after(() => rm(folder, { recursive: true }));

  it("is made by the jailer beside the program, whatever links lead to that", async () => {
    assert.equal(await jailerOf(at("vmm")), at("jailer"));
    assert.equal(await isJailable(at("vmm")), true);
    assert.equal(await isJailable(at("jailer")), false);
  });

  it(
    "has its files, passes on how its program ends, and ends with who started it",
    { skip: isRoot ? false : "namespaces take root" },
    async () => {
      await writeFile(at("squashfs"), "the system\n", { mode: 0o444 });
      const untouched = await stat(at("squashfs"));
      const files = { rootfs: at("squashfs") };
      const user = { uid: 1_900_000_001, gid: 1_900_000_002 };
      const root = at("run");
      const programs = { jailer: at("jailer"), program: at("vmm") };
      const jail = { ...programs, id: "vm-1", user, root, files, fileLimitBytes: 4096 };
      const argv = await jailed(jail, ["--api-sock", "api.sock"]);
      const start = (seconds: string) => {
        const env = { PATH: process.env["PATH"] ?? "", SECONDS_TO_RUN: seconds };
        return startChild(argv, { cwd: folder, env });
      };
      const short = await start("0");
      const [said, exit] = await Promise.all([text(short.stdout), short.exited]);
      assert.deepEqual(said.split("\n"), [
        `--id vm-1 --exec-file ${at("vmm")} --chroot-base-dir ${at("run.jail")} --uid 1900000001 --gid 1900000002 --cgroup-version 1 --resource-limit fsize=4096 -- --api-sock api.sock`,
        root,
        "the system",
        "",
      ]);
      assert.deepEqual(exit, { code: 0, signal: null });
      const failed = await start("no number");
      failed.stdout.resume();
      assert.equal((await failed.exited).code, 1);

      const long = await start("60");
      let tree: number[] = [];
      let innermost = "";
      await waitUntil("all of it runs", async () => {
        tree = await descendantsOf(long.pid);
        innermost = await readFile(`/proc/${tree.at(-1)}/status`, "utf8").catch(() => "");
        return /^Name:\tsleep$/m.test(innermost);
      });
      assert.equal(tree.length, 2);
      assert.match(innermost, /^NSpid:\t\d+\t\d+$/m);
      assert.equal(await readFile(at("run/rootfs"), "utf8"), "", "it is seen in the jail alone");
      assert.equal((await stat(at("squashfs"))).ctimeMs, untouched.ctimeMs);
      process.kill(long.pid, "SIGKILL");
      await long.exited;
      await waitUntil("nothing of it is left", () => !tree.some(isRunning));
    },
  );
});
