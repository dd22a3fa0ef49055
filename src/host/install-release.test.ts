import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { runCommand } from "../os/run-command.ts";
import { installRelease } from "./install-release.ts";

describe("installRelease", () => {
  let folder = "";
  let archive = "";
  let sha256 = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-release-test-"));
    await mkdir(join(folder, "release"));
    await writeFile(join(folder, "release/tool-v2"), "#!/bin/sh\necho 2\n");
    await writeFile(join(folder, "release/other"), "is not wanted");
    archive = join(folder, "release.tgz");
    await runCommand(["tar", "-czf", archive, "-C", folder, "release"]);
    sha256 = createHash("sha256")
      .update(await readFile(archive))
      .digest("hex");
  });
  after(() => rm(folder, { recursive: true }));

  const release = (from: string, bin: string) => ({
    name: "Tool 2",
    archive: from,
    sha256,
    programs: { [join(bin, "tool")]: "release/tool-v2" },
  });

  it("puts its programs in their places, in the place of what was there", async () => {
    const bin = join(folder, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "tool"), "an older one", { mode: 0o600 });
    await installRelease(release(archive, bin));
    assert.equal((await runCommand([join(bin, "tool")])).stdout, "2\n");
    assert.equal((await stat(join(bin, "tool"))).mode & 0o777, 0o755);
    assert.deepEqual(await readdir(bin), ["tool"]);
  });

  it("gets it from an address, and says why where it cannot", async () => {
    const content = await readFile(archive);
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/release.tgz" ? 200 : 404;
      response.end(content);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bin = join(folder, "fetched");
    await installRelease(release(`${address}/release.tgz`, bin));
    assert.deepEqual(await readdir(bin), ["tool"]);
    await assert.rejects(installRelease(release(`${address}/other`, bin)), /the answer is 404$/);
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    await assert.rejects(
      installRelease(release(`${address}/release.tgz`, bin)),
      /^Error: Cannot get http:.*ECONNREFUSED/,
    );
  });

  it("opens none that is another than it should be", async () => {
    const bin = join(folder, "untouched");
    const other = { ...release(archive, bin), sha256: "0".repeat(64) };
    await assert.rejects(installRelease(other), {
      message: `${archive} is not what it should be: its SHA-256 is ${sha256}, want ${other.sha256}`,
    });
    await assert.rejects(stat(bin), { code: "ENOENT" });
    await assert.rejects(installRelease(release(join(folder, "absent"), bin)), /ENOENT/);
  });
});
