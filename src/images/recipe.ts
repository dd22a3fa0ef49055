import { readFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { messageOf, PlatformError } from "../core/errors.ts";

/** Debian's names of the processors that images can be built for. */
export const architectures = ["amd64", "arm64"] as const;
export type Architecture = (typeof architectures)[number];

const strict = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1 });
/** A path inside the image, without a slash in front and without "..". */
const ImagePath = Type.String({ pattern: "^(?!/)(?!.*(^|/)\\.\\.(/|$)).+$" });
const Argv = Type.Array(Text, { minItems: 1 });
const Environment = Type.Record(
  Type.String({ pattern: "^[A-Z_][A-Z0-9_]*$" }),
  Type.String(),
  strict,
);

const NpmPin = Type.Object(
  {
    name: Text,
    version: Text,
    integrity: Type.String({ pattern: "^sha512-[A-Za-z0-9+/]{86}==$" }),
  },
  strict,
);

/** What goes into a root file system; paths on the left are where it comes from. */
const layerProperties = {
  /** Debian packages, pinned in the lock file. */
  packages: Type.Optional(Type.Array(Text)),
  /** Debian packages that `commands` run programs of, pinned likewise; nothing of them gets into the image. */
  tools: Type.Optional(Type.Array(Text)),
  /** One npm package for each processor, and which of its files go where. */
  npm: Type.Optional(
    Type.Object(
      {
        package: Type.Object(
          { amd64: Type.Optional(NpmPin), arm64: Type.Optional(NpmPin) },
          strict,
        ),
        files: Type.Record(Text, ImagePath),
      },
      strict,
    ),
  ),
  folders: Type.Optional(Type.Array(ImagePath)),
  /** From the guest folder into the image. */
  files: Type.Optional(Type.Record(Text, ImagePath)),
  /** Files with their content: image path to text. */
  texts: Type.Optional(Type.Record(ImagePath, Type.String(), strict)),
  /** Image path of the link to what it points at. */
  links: Type.Optional(Type.Record(ImagePath, Text, strict)),
  /** Image path of a busybox; each of its commands becomes a link beside it, unless there is one. */
  busybox: Type.Optional(ImagePath),
  /** Image path of one file to the glob of those that it is made of, in order of their names. */
  joins: Type.Optional(Type.Record(ImagePath, ImagePath, strict)),
  /** Globs of image paths that are left out. */
  excludes: Type.Optional(Type.Array(ImagePath)),
  /** Run on this host, without privileges, on the extracted tree: see docs/images.md. */
  commands: Type.Optional(
    Type.Array(Type.Object({ argv: Argv, env: Type.Optional(Environment) }, strict)),
  ),
};

const Layer = Type.Object(layerProperties, strict);
export type Layer = Static<typeof Layer>;

const RuntimeRecipe = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z][a-z0-9.-]{0,62}$" }),
    interpreter: Text,
    extensions: Type.Array(Type.String({ pattern: "^\\.[a-z0-9]+$" }), { minItems: 1 }),
    /** A file of the guest folder. */
    template: Text,
    /** The lock file that pins its packages, beside the recipe. */
    lock: Text,
    /** A layer of the recipes folder that lies below this one. */
    base: Text,
    image: Layer,
    server: Type.Object(
      {
        /** `{heapMib}` is filled in when the server starts. */
        argv: Argv,
        env: Type.Optional(Environment),
        /** What `{heapMib}` is: so much of the guest's memory beyond what the rest needs. */
        heap: Type.Optional(
          Type.Object(
            {
              reserveMib: Type.Integer({ minimum: 0 }),
              percent: Type.Integer({ minimum: 1, maximum: 100 }),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
    /** How the `process` driver runs the same server: see HostRuntimeCatalog. */
    host: Type.Object(
      {
        /** Programs to look for on PATH; `{node}` is the Node that runs Firelet. */
        programs: Type.Array(Text, { minItems: 1 }),
        /** Arguments that make the interpreter print its version and, on a second line, its own path. */
        askArgs: Argv,
        minVersion: Type.String({ pattern: "^\\d+(\\.\\d+)*$" }),
        /** What goes before its version for people, for instance `Python`. */
        title: Text,
        args: Argv,
      },
      strict,
    ),
  },
  strict,
);
export type RuntimeRecipe = Static<typeof RuntimeRecipe>;

const KernelRecipe = Type.Object(
  {
    lock: Text,
    /** The package with the kernel, for each processor. */
    package: Type.Object({ amd64: Type.Optional(Text), arm64: Type.Optional(Text) }, strict),
    /** Glob of the kernel in its package. */
    kernel: ImagePath,
    /** Modules that the initramfs loads, with what they depend on. */
    modules: Type.Array(Text),
    /** The package and its file that is the initramfs's only program. */
    busybox: Type.Object({ package: Text, path: ImagePath }, strict),
    /** The initramfs's first process: a file of the guest folder. */
    init: Text,
  },
  strict,
);
export type KernelRecipe = Static<typeof KernelRecipe>;

const Digests = Type.Record(Text, Type.String({ pattern: "^[0-9a-f]{64}$" }));
const DebianLock = Type.Record(
  Text,
  Type.Object(
    {
      version: Text,
      /** SHA-256 of the package file for each processor, in hex. */
      sha256: Digests,
      /** A package that depends on the one that follows this one, whose name has its version in it. */
      successor: Type.Optional(Text),
    },
    strict,
  ),
);
export type DebianLock = Static<typeof DebianLock>;

const runtimeRecipeCheck = Compile(RuntimeRecipe);
const kernelRecipeCheck = Compile(KernelRecipe);
const layerCheck = Compile(Layer);
const lockCheck = Compile(DebianLock);

/** Reads a runtime's recipe. Rejects with `image_build_failed` that names the file and the field. */
export async function readRuntimeRecipe(path: string): Promise<RuntimeRecipe> {
  return read(path, runtimeRecipeCheck);
}

export async function readKernelRecipe(path: string): Promise<KernelRecipe> {
  return read(path, kernelRecipeCheck);
}

export async function readLayer(path: string): Promise<Layer> {
  return read(path, layerCheck);
}

export async function readDebianLock(path: string): Promise<DebianLock> {
  return read(path, lockCheck);
}

/** The files of the guest folder that `layers` are made of: placed, or named by a command. */
export function guestFilesOf(layers: readonly Layer[]): string[] {
  const prefix = "{guest}/";
  return layers.flatMap(({ files = {}, commands = [] }) => [
    ...Object.keys(files),
    ...commands
      .flatMap(({ argv }) => argv)
      .filter((word) => word.startsWith(prefix))
      .map((word) => word.slice(prefix.length)),
  ]);
}

interface Check<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): readonly { instancePath: string; message: string }[];
}

async function read<T>(path: string, check: Check<T>): Promise<T> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot read recipe "${path}": ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (check.Check(value)) return value;
  const errors = check
    .Errors(value)
    .slice(0, 3)
    .map(({ instancePath, message }) => `${instancePath === "" ? "it" : instancePath} ${message}`);
  throw new PlatformError(
    "image_build_failed",
    `Cannot use recipe "${path}": ${errors.join("; ")}`,
  );
}
