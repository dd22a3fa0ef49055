import { join } from "node:path";
import { bzImage, kernelModule, lz4Literals } from "./kernel-files.ts";
import {
  PackageSources,
  type PublishedPackage,
  temporaryFolder,
  writeFiles,
} from "./package-sources.ts";

const busybox = "#!/bin/sh\necho sh\necho ls\n";
const kernel = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(2000, "kernel")]);

/** A program that writes `mark`, and the file that it is given, to another. */
export function compile(mark: string): string {
  return `#!/bin/sh\n{ echo ${mark}; cat "$1"; } >"$2"\n`;
}

/** A guest folder with two runtimes that build in a blink, and the package sources that it is pinned to. */
export interface SmallGuest extends AsyncDisposable {
  readonly guestDir: string;
  readonly sources: PackageSources;
  readonly packages: {
    readonly kernel: PublishedPackage;
    readonly tool: PublishedPackage;
    readonly compiler: PublishedPackage;
  };
  /** Changes files of the guest folder. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

export async function smallGuest(): Promise<SmallGuest> {
  const sources = await PackageSources.create();
  const folder = await temporaryFolder();
  const kernelPackage = await sources.publish("linux-6.1", "6.1-1", {
    "boot/vmlinuz-6.1": bzImage(lz4Literals(kernel)),
    "lib/modules/6.1/net.ko": kernelModule("net", ["ring"]),
    "lib/modules/6.1/ring.ko": kernelModule("ring", []),
  });
  const shell = await sources.publish("busybox", "1.35-1", { "bin/busybox": busybox });
  const tool = await sources.publish("tool", "1.0-1", {
    "usr/bin/tool": "#!/bin/sh\necho tool\n",
    "usr/share/doc/tool/README": "left out",
  });
  const compiler = await sources.publish("compiler", "3.0-1", {
    "usr/bin/compile": compile("compiled"),
  });
  const pins = [kernelPackage, shell, tool, compiler].map(({ name, version, sha256 }) => [
    name,
    { version, sha256: { amd64: sha256, arm64: sha256 } },
  ]);
  const write = (files: Readonly<Record<string, string>>) => writeFiles(folder.path, files);
  await write({
    "init/initramfs-init": "#!/bin/sh\n",
    "init/init": "#!/bin/sh\n",
    "init/wake.c": "its source\n",
    "small/server": "the server\n",
    "recipes/template": "the template\n",
    "recipes/all.lock.json": JSON.stringify(Object.fromEntries(pins)),
    "recipes/kernel.json": JSON.stringify(kernelRecipe),
    "recipes/base.layer.json": JSON.stringify(base),
    "recipes/small.json": JSON.stringify(recipe("small")),
    "recipes/tiny-2.1.json": JSON.stringify(recipe("tiny-2.1")),
  });
  const dispose = async (): Promise<void> => {
    await sources[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  const guestDir = join(folder.path);
  const packages = { kernel: kernelPackage, tool, compiler };
  return { guestDir, sources, packages, write, [Symbol.asyncDispose]: dispose };
}

const kernelRecipe = {
  lock: "all.lock.json",
  package: { amd64: "linux-6.1", arm64: "linux-6.1" },
  kernel: "boot/vmlinuz-*",
  modules: ["net"],
  busybox: { package: "busybox", path: "bin/busybox" },
  init: "init/initramfs-init",
};

const base = {
  packages: ["busybox"],
  folders: ["tmp"],
  files: { "init/init": "sbin/init" },
  busybox: "bin/busybox",
  tools: ["compiler"],
  commands: [{ argv: ["{tools}/usr/bin/compile", "{guest}/init/wake.c", "{tree}/sbin/wake"] }],
  excludes: ["usr/share/doc"],
};

function recipe(name: string) {
  return {
    name,
    interpreter: `Interpreter of ${name}`,
    extensions: [".x"],
    template: "recipes/template",
    lock: "all.lock.json",
    base: "base.layer.json",
    image: {
      packages: ["tool"],
      files: { "small/server": "usr/lib/firelet/server" },
      texts: { "etc/parts/b": "second\n", "etc/parts/a": "first" },
      joins: { "etc/whole": "etc/parts/*" },
      links: { "usr/bin/also-tool": "tool" },
      commands: [{ argv: ["touch", "{tree}/etc/made-here"], env: { PLACE: "{tree}" } }],
    },
    server: {
      argv: ["/usr/bin/tool", "it's here", "--heap={heapMib}"],
      env: { MODE: "two words" },
      heap: { reserveMib: 40, percent: 75 },
    },
    host: {
      programs: ["firelet-test-interpreter"],
      askArgs: ["--version"],
      minVersion: "2.1",
      title: "Small",
      args: ["-x", "{guest}/small/server"],
    },
  };
}
