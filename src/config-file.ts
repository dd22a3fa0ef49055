import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ConfigError, path, settings, unusable, type Found } from "./config-settings.ts";
import { messageOf } from "./core/errors.ts";
import { nearestName } from "./lib/nearest-name.ts";

/** Absolute paths that stand in for parts of the built image; absent parts are the built ones. */
export interface ImageOverride {
  readonly kernel?: string;
  readonly initramfs?: string;
  readonly rootfs?: string;
}

/** The file's settings by dotted key; empty where there is no file. */
export interface ConfigFile {
  readonly name: string;
  readonly values: ReadonlyMap<string, unknown>;
}

/**
 * Reads the configuration file `name`; one that was not `asked` for by name may be absent. Throws
 * `ConfigError`, also for a key that is no setting.
 */
export function readConfigFile(name: string, asked: boolean): ConfigFile {
  let content: string;
  try {
    content = readFileSync(name, "utf8");
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (absent && !asked) return { name, values: new Map() };
    throw new ConfigError(
      `Cannot read the configuration ${name}: ${absent ? "no such file" : messageOf(error)}`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new ConfigError(`Cannot read the configuration ${name}: ${messageOf(error)}`);
  }
  return { name, values: flatten(parsed, name) };
}

/** What the file says about a setting. */
export function fromFile(key: string, file: ConfigFile): Found<unknown> {
  return {
    value: file.values.get(key),
    source: `"${key}" in ${file.name}`,
    folder: dirname(file.name),
  };
}

const groups = new Set(
  Object.keys(settings)
    .filter((key) => key.includes("."))
    .map((key) => key.split(".")[0]!),
);

/** The file's values by dotted key; `images` stays whole. Throws for a key that is no setting. */
function flatten(parsed: unknown, name: string): Map<string, unknown> {
  if (!isObject(parsed)) {
    throw new ConfigError(`Cannot use ${name}: found ${JSON.stringify(parsed)}, wanted an object`);
  }
  const entries = Object.entries(parsed).flatMap(([key, value]): [string, unknown][] =>
    groups.has(key) && isObject(value)
      ? Object.entries(value).map(([inner, innerValue]) => [`${key}.${inner}`, innerValue])
      : [[key, value]],
  );
  const known = [...Object.keys(settings), "images"];
  for (const [key, value] of entries) {
    if (groups.has(key)) {
      throw unusable({ value, source: `"${key}" in ${name}`, folder: "" }, "an object");
    }
    if (!known.includes(key)) throw unknownKey(key, known, name);
  }
  return new Map(entries);
}

function unknownKey(key: string, known: readonly string[], name: string): ConfigError {
  const nearest = nearestName(key, known);
  const hint = nearest ? `did you mean "${nearest}"?` : `wanted one of ${known.join(", ")}`;
  return new ConfigError(`Cannot use "${key}" in ${name}: there is no such setting; ${hint}`);
}

const imageParts = ["kernel", "initramfs", "rootfs"];

/** The file's `images`, with absolute paths. */
export function readImages(file: ConfigFile, home: string): Record<string, ImageOverride> {
  const images = file.values.get("images");
  if (images === undefined) return {};
  if (!isObject(images))
    throw unusable(fromFile("images", file), "an object with runtimes as keys");
  return Object.fromEntries(
    Object.entries(images).map(([runtime, parts]) => {
      const key = `images.${runtime}`;
      const found = { ...fromFile(key, file), value: parts };
      if (!isObject(parts)) throw unusable(found, `an object with ${imageParts.join(", ")}`);
      return [runtime, readImage(key, parts, { file, home })];
    }),
  );
}

function readImage(
  key: string,
  parts: object,
  { file, home }: { file: ConfigFile; home: string },
): ImageOverride {
  return Object.fromEntries(
    Object.entries(parts).map(([part, value]: [string, unknown]) => {
      if (!imageParts.includes(part)) {
        throw unknownKey(
          `${key}.${part}`,
          imageParts.map((name) => `${key}.${name}`),
          file.name,
        );
      }
      const found = { ...fromFile(`${key}.${part}`, file), value };
      if (!path.accepts(value)) throw unusable(found, path.wanted);
      return [part, expandPath(value, found.folder, home)];
    }),
  );
}

/** An absolute path for what a person wrote. */
export function expandPath(value: string, folder: string, home: string): string {
  return value.startsWith("~/") ? join(home, value.slice(2)) : resolve(folder, value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
