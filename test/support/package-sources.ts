import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Path to content; a content that begins with "#!" becomes executable. */
export type Files = Readonly<Record<string, string | Buffer>>;

export interface PublishedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const mode = content.toString("latin1").startsWith("#!") ? 0o755 : 0o644;
    await writeFile(path, content, { mode });
  }
}

/**
 * A Debian archive in a folder, with packages made by dpkg-deb, that the real apt of this process
 * asks instead of the system's sources until it is disposed of.
 */
export class PackageSources implements AsyncDisposable {
  readonly folder: string;
  readonly #stanzas = new Map<string, string>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<PackageSources> {
    const sources = new PackageSources(await mkdtemp(join(tmpdir(), "firelet-sources-")));
    const { folder } = sources;
    await writeFiles(folder, {
      "sources.list": `deb [trusted=yes] file:${folder}/archive ./\n`,
      "apt.conf": `Dir::Etc::sourcelist "${folder}/sources.list";\nDir::Etc::sourceparts "-";\n`,
      "archive/Packages": "",
    });
    process.env["APT_CONFIG"] = join(folder, "apt.conf");
    return sources;
  }

  /** Offers a package; versions that were offered before stay, until `withdraw`. */
  async publish(
    name: string,
    version: string,
    files: Files,
    depends = "",
  ): Promise<PublishedPackage> {
    const tree = await mkdtemp(join(this.folder, "tree-"));
    const control = [
      `Package: ${name}`,
      `Version: ${version}`,
      "Architecture: all",
      "Maintainer: Firelet <firelet@example.invalid>",
      ...(depends === "" ? [] : [`Depends: ${depends}`]),
      "Description: made by a test",
    ].join("\n");
    await writeFiles(tree, { ...files, "DEBIAN/control": `${control}\n` });
    const file = `${name}_${version}.deb`;
    const path = join(this.folder, "archive", file);
    execFileSync("dpkg-deb", ["--root-owner-group", "--build", tree, path], { stdio: "ignore" });
    const content = await readFile(path);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const offer = `Filename: ./${file}\nSize: ${content.length}\nSHA256: ${sha256}\n`;
    this.#stanzas.set(`${name} ${version}`, `${control}\n${offer}`);
    await this.#writeIndex();
    return { name, version, sha256 };
  }

  async withdraw({ name, version }: PublishedPackage): Promise<void> {
    this.#stanzas.delete(`${name} ${version}`);
    await this.#writeIndex();
  }

  /** Changes the archive's file of a package, as a broken mirror would. */
  async corrupt({ name, version }: PublishedPackage): Promise<void> {
    const path = join(this.folder, "archive", `${name}_${version}.deb`);
    const content = await readFile(path);
    content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
    await writeFile(path, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    delete process.env["APT_CONFIG"];
    await rm(this.folder, { recursive: true });
  }

  async #writeIndex(): Promise<void> {
    const index = [...this.#stanzas.values()].join("\n");
    await writeFile(join(this.folder, "archive", "Packages"), index);
  }
}

/** A folder for a test, gone afterwards. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "firelet-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
