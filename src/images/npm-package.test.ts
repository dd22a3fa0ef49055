import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder, writeFiles } from "../../test/support/package-sources.ts";
import { downloadNpmPackage, type NpmPin } from "./npm-package.ts";

interface Registry extends AsyncDisposable {
  readonly pin: NpmPin;
  /** Paths that npm asked for. */
  readonly asked: string[];
}

/** A registry with one package, which the real npm of this process asks until it is disposed of. */
async function registryWith(name: string, version: string): Promise<Registry> {
  await using folder = await temporaryFolder();
  const manifest = JSON.stringify({ name, version });
  await writeFiles(folder.path, { "package/package.json": manifest, "package/bin/tool": "a tool" });
  execFileSync("tar", ["-czf", "package.tgz", "package"], { cwd: folder.path });
  const tarball = await readFile(join(folder.path, "package.tgz"));
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;

  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url?.endsWith(".tgz") === true) return response.end(tarball);
    const dist = { tarball: `${url}/package.tgz`, integrity };
    const versions = { [version]: { name, version, dist } };
    response.setHeader("content-type", "application/json");
    return response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const npmCache = await temporaryFolder();
  process.env["npm_config_registry"] = url;
  process.env["npm_config_cache"] = npmCache.path;
  const dispose = async (): Promise<void> => {
    delete process.env["npm_config_registry"];
    delete process.env["npm_config_cache"];
    server.closeAllConnections();
    server.close();
    await npmCache[Symbol.asyncDispose]();
  };
  return { pin: { name, version, integrity }, asked, [Symbol.asyncDispose]: dispose };
}

test("downloadNpmPackage fetches a package once and checks what it has kept", async () => {
  await using registry = await registryWith("firelet-test-tool", "1.2.3");
  await using cache = await temporaryFolder();
  const steps: string[] = [];
  const options = { cacheDir: cache.path, onStep: (text: string) => void steps.push(text) };

  const path = await downloadNpmPackage(registry.pin, options);
  assert.match(execFileSync("tar", ["-tzf", path]).toString(), /package\/bin\/tool/);
  const asked = registry.asked.length;
  assert.equal(await downloadNpmPackage(registry.pin, options), path);
  assert.equal(registry.asked.length, asked);
  assert.deepEqual(steps, ["Downloading firelet-test-tool 1.2.3"]);

  await writeFile(path, "damaged");
  await downloadNpmPackage(registry.pin, options);
  assert.equal(steps.length, 2);
  assert.deepEqual(await readdir(join(cache.path, "npm")), ["firelet-test-tool-1.2.3.tgz"]);
});

test("downloadNpmPackage refuses a file without the pinned integrity and keeps nothing", async () => {
  await using registry = await registryWith("firelet-test-tool", "1.2.3");
  await using cache = await temporaryFolder();
  const integrity = `sha512-${"A".repeat(86)}==`;
  const options = { cacheDir: cache.path, onStep: () => undefined };
  await assert.rejects(downloadNpmPackage({ ...registry.pin, integrity }, options), {
    code: "image_build_failed",
    message: `Cannot fetch npm package "firelet-test-tool" 1.2.3: the file does not have the integrity ${integrity}`,
  });
  assert.deepEqual(await readdir(join(cache.path, "npm")), []);
});

test("downloadNpmPackage gives npm's own words for a version that the registry does not have", async () => {
  await using registry = await registryWith("firelet-test-tool", "1.2.3");
  await using cache = await temporaryFolder();
  const options = { cacheDir: cache.path, onStep: () => undefined };
  await assert.rejects(downloadNpmPackage({ ...registry.pin, version: "9.9.9" }, options), {
    code: "image_build_failed",
    message: /^Cannot fetch npm package "firelet-test-tool" 9\.9\.9: Cannot run "npm": .*9\.9\.9/s,
  });
});
