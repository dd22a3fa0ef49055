import { isAbsolute } from "node:path";
import { messageOf, PlatformError } from "../core/errors.ts";
import type { HostImage } from "../core/runtime.ts";
import { findProgram } from "../os/find-program.ts";
import { runCommand } from "../os/run-command.ts";
import type { CataloguedRuntime, ImageCatalog } from "../ports/image-catalog.ts";
import type { RuntimeRecipe } from "./recipe.ts";
import { describeRuntime, ownGuestDir, readPlan, runtimeNames } from "./recipe-book.ts";

interface Interpreter {
  readonly path: string;
  readonly version: string;
}

/** The runtime servers under this host's own interpreters, for the `process` driver. */
export class HostRuntimeCatalog implements ImageCatalog {
  readonly #guestDir: string;
  readonly #searchPath: string | undefined;
  readonly #interpreters = new Map<string, Promise<Interpreter>>();

  constructor(options: { guestDir?: string; searchPath?: string } = {}) {
    this.#guestDir = options.guestDir ?? ownGuestDir;
    this.#searchPath = options.searchPath;
  }

  /** The runtimes whose interpreter this host has, with the version that it says it is. */
  async list(): Promise<readonly CataloguedRuntime[]> {
    const runtimes: CataloguedRuntime[] = [];
    for (const name of await runtimeNames(this.#guestDir)) {
      const { recipe } = await readPlan(this.#guestDir, name);
      const interpreter = await this.#interpreter(recipe).catch(() => null);
      if (interpreter === null) continue;
      const runtime = await describeRuntime(this.#guestDir, recipe);
      const title = `${recipe.host.title} ${interpreter.version}`;
      runtimes.push({ ...runtime, interpreter: title, imageDigest: null });
    }
    return runtimes;
  }

  async resolve(name: string): Promise<HostImage> {
    const { recipe } = await readPlan(this.#guestDir, name);
    const { path } = await this.#interpreter(recipe);
    const args = recipe.host.args.map((arg) => arg.replaceAll("{guest}", this.#guestDir));
    return { kind: "host", runtime: name, argv: [path, ...args] };
  }

  /** Asked once; what failed is asked again, for somebody may have installed it. */
  #interpreter(recipe: RuntimeRecipe): Promise<Interpreter> {
    const known = this.#interpreters.get(recipe.name);
    if (known !== undefined) return known;
    const asked = findInterpreter(recipe, this.#searchPath);
    this.#interpreters.set(recipe.name, asked);
    asked.catch(() => this.#interpreters.delete(recipe.name));
    return asked;
  }
}

async function findInterpreter(
  recipe: RuntimeRecipe,
  searchPath: string | undefined,
): Promise<Interpreter> {
  const { title, minVersion, askArgs, programs } = recipe.host;
  const refusals: string[] = [];
  for (const program of programs) {
    const found = program === "{node}" ? process.execPath : findProgram(program, searchPath);
    if (found === null) {
      refusals.push(`there is no ${program} on PATH`);
      continue;
    }
    try {
      const { stdout } = await runCommand([found, ...askArgs], { timeoutMs: 10_000 });
      const [version = "", path = ""] = stdout.trim().split("\n");
      const usable = isAbsolute(path) && isAtLeast(version, minVersion);
      if (usable) return { path, version };
      refusals.push(`${found} says that it is ${title} ${version}`);
    } catch (error) {
      refusals.push(messageOf(error));
    }
  }
  throw new PlatformError(
    "runtime_image_not_found",
    `Runtime image not found: ${title} ${minVersion} or newer on this host: ${refusals.join("; ")}`,
  );
}

/** Compares dotted numbers; what follows a number, as in "3.13.0rc1", does not count. */
export function isAtLeast(version: string, wanted: string): boolean {
  const have = numbers(version);
  for (const [index, want] of numbers(wanted).entries()) {
    const part = have[index] ?? 0;
    if (Number.isNaN(part) || part !== want) return part > want;
  }
  return true;
}

function numbers(version: string): number[] {
  return version.split(".").map((part) => parseInt(part, 10));
}
