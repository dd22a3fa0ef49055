import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../core/errors.ts";
import { runCommand } from "../os/run-command.ts";
import { whileLocked } from "./build-lock.ts";
import { hashFile } from "./hash-file.ts";
import type { Architecture, DebianLock } from "./recipe.ts";

/** A Debian package file that was checked against its digest. */
export interface DebianPackage {
  /** What the recipe calls it. */
  readonly wanted: string;
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** False where the pinned version is no longer offered and the newest one was taken. */
  readonly pinned: boolean;
  readonly path: string;
}

export interface DownloadOptions {
  /** Where package files and apt's own state are kept. */
  readonly cacheDir: string;
  readonly architecture: Architecture;
  readonly onStep: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Set once the sources were asked, so that one build asks them once. */
  readonly sources: { fresh: boolean };
}

interface Offer {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/**
 * Fetches packages as the lock pins them, from this host's own signed package sources, without
 * privileges: apt works on a state of its own. What the cache holds is not fetched again. A
 * version that the sources no longer offer is replaced by their newest. Rejects with
 * `image_build_failed`.
 */
export async function downloadDebianPackages(
  names: readonly string[],
  lock: DebianLock,
  options: DownloadOptions,
): Promise<DebianPackage[]> {
  const folder = join(options.cacheDir, "debian");
  await mkdir(folder, { recursive: true });
  const cached = (sha256: string): string => join(folder, `${sha256}.deb`);

  const pins = names.map((wanted) => pinOf(wanted, lock, options.architecture));
  const missing = await asyncFilter(
    pins,
    async ({ sha256 }) => !(await isGood(cached(sha256), sha256)),
  );
  if (missing.length === 0) return pins.map((pin) => taken(pin.wanted, pin, pin, cached));

  const lockFile = join(options.cacheDir, "apt.lock");
  const wait = {
    onWait: () => options.onStep("Waiting for another build's downloads"),
    ...options,
  };
  const offers = await whileLocked(lockFile, wait, () => fetchPackages(missing, lock, options));
  return pins.map((pin) => taken(pin.wanted, pin, offers.get(pin.wanted) ?? pin, cached));
}

/** Fetches pins, or what takes their place, into the cache; resolves to what was taken for each. */
async function fetchPackages(
  missing: readonly Pin[],
  lock: DebianLock,
  options: DownloadOptions,
): Promise<ReadonlyMap<string, Offer>> {
  const { onStep, sources } = options;
  const apt = await preparedApt(options);
  if (!sources.fresh) {
    onStep("Asking the Debian package sources");
    await apt(["apt-get", "-q", "update"]);
    sources.fresh = true;
  }
  const offers = new Map<string, Offer>();
  for (const pin of missing) {
    const offer = await findOffer(pin, lock[pin.wanted]?.successor, apt);
    if (offer.version !== pin.version) {
      const instead = `${offer.name} ${offer.version}`;
      onStep(`${pin.wanted} ${pin.version} is no longer offered: taking ${instead}`);
    }
    offers.set(pin.wanted, offer);
  }
  await download([...offers.values()], apt, options);
  return offers;
}

type Pin = Offer & { readonly wanted: string };
type Apt = (
  argv: readonly [string, ...string[]],
  options?: { cwd?: string; okStatuses?: number[] },
) => Promise<string>;

function pinOf(wanted: string, lock: DebianLock, architecture: Architecture): Pin {
  const entry = lock[wanted];
  const sha256 = entry?.sha256[architecture];
  if (entry === undefined || sha256 === undefined) {
    const what = entry === undefined ? "no entry" : `no digest for ${architecture}`;
    throw new PlatformError(
      "image_build_failed",
      `Cannot fetch package "${wanted}": the lock file has ${what} of it`,
    );
  }
  return { wanted, name: wanted, version: entry.version, sha256 };
}

function taken(
  wanted: string,
  pin: Pin,
  offer: Offer,
  cached: (sha256: string) => string,
): DebianPackage {
  const { name, version, sha256 } = offer;
  return { wanted, name, version, sha256, pinned: sha256 === pin.sha256, path: cached(sha256) };
}

/** apt with state and cache of its own: no root, and the system's lists stay as they are. */
async function preparedApt(options: DownloadOptions): Promise<Apt> {
  const root = join(options.cacheDir, "apt");
  await mkdir(join(root, "state/lists/partial"), { recursive: true });
  await mkdir(join(root, "cache/archives/partial"), { recursive: true });
  const settings = [
    `Dir::State=${root}/state`,
    `Dir::State::status=/dev/null`,
    `Dir::Cache=${root}/cache`,
    `APT::Architecture=${options.architecture}`,
    "Acquire::Languages=none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
    "Acquire::Retries=3",
  ].flatMap((setting) => ["-o", setting]);
  return async (argv, { cwd, okStatuses } = {}) => {
    try {
      const { stdout } = await runCommand([...argv, ...settings], {
        env: { LC_ALL: "C" },
        ...(cwd === undefined ? {} : { cwd }),
        ...(okStatuses === undefined ? {} : { okStatuses }),
        signal: options.signal,
      });
      return stdout;
    } catch (error) {
      const message = `Cannot fetch Debian packages: ${(error as Error).message}`;
      throw new PlatformError("image_build_failed", message, { cause: error });
    }
  };
}

async function findOffer(pin: Pin, successor: string | undefined, apt: Apt): Promise<Offer> {
  const all = await offersOf(pin.wanted, apt);
  const exact = all.find(({ version }) => version === pin.version);
  if (exact !== undefined) {
    if (exact.sha256 === pin.sha256) return exact;
    throw new PlatformError(
      "image_build_failed",
      `Cannot fetch package "${pin.wanted}": the sources have ${pin.version} with SHA-256 ${exact.sha256}, and the lock file pins ${pin.sha256}`,
    );
  }
  const [newest] = await offersOf(pin.wanted, apt, ["--no-all-versions"]);
  if (newest !== undefined) return newest;
  const next = successor === undefined ? null : await firstDependency(successor, apt);
  const [following] = next === null ? [] : await offersOf(next, apt, ["--no-all-versions"]);
  if (following !== undefined) return following;
  throw new PlatformError(
    "image_build_failed",
    `Cannot fetch package "${pin.wanted}": this host's package sources do not have it; they must include Debian 12 (bookworm)`,
  );
}

async function offersOf(name: string, apt: Apt, flags: string[] = []): Promise<Offer[]> {
  const stanzas = await showPackage(name, apt, flags);
  return stanzas.flatMap((stanza) => {
    const { Package: found, Version: version, SHA256: sha256 } = stanza;
    if (found !== name || version === undefined || sha256 === undefined) return [];
    return [{ name, version, sha256 }];
  });
}

/** What a package without content of its own stands for: the first package that it depends on. */
async function firstDependency(name: string, apt: Apt): Promise<string | null> {
  const [stanza] = await showPackage(name, apt, ["--no-all-versions"]);
  return stanza?.["Depends"]?.split(/[ ,(|]/)[0] ?? null;
}

async function showPackage(
  name: string,
  apt: Apt,
  flags: string[],
): Promise<Partial<Record<string, string>>[]> {
  // 100 is "there is no such package", which the caller sees by the empty answer.
  const text = await apt(["apt-cache", "show", ...flags, name], { okStatuses: [0, 100] });
  return text
    .split("\n\n")
    .map((stanza) =>
      Object.fromEntries(
        [...stanza.matchAll(/^([A-Z][A-Za-z0-9-]*): (.*)$/gm)].map(([, key, value]) => [
          key,
          value,
        ]),
      ),
    );
}

async function download(
  offers: readonly Offer[],
  apt: Apt,
  { cacheDir, onStep }: DownloadOptions,
): Promise<void> {
  const count = offers.length === 1 ? "1 Debian package" : `${offers.length} Debian packages`;
  onStep(`Downloading ${count}`);
  const folder = join(cacheDir, "debian");
  const temporary = await mkdtemp(join(folder, "tmp-"));
  try {
    const wanted = offers.map(({ name, version }) => `${name}=${version}`);
    await apt(["apt-get", "-q", "download", ...wanted], { cwd: temporary });
    const left = new Map(offers.map((offer) => [offer.sha256, offer]));
    for (const file of await readdir(temporary)) {
      const sha256 = await hashFile(join(temporary, file));
      if (left.delete(sha256)) await rename(join(temporary, file), join(folder, `${sha256}.deb`));
    }
    const [unmet] = left.values();
    if (unmet !== undefined) {
      throw new PlatformError(
        "image_build_failed",
        `Cannot fetch package "${unmet.name}": what was downloaded as ${unmet.version} does not have the SHA-256 ${unmet.sha256}`,
      );
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A file in the cache may be a leaf of a full disk or of somebody's hand: its digest decides. */
async function isGood(path: string, sha256: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && (await hashFile(path)) === sha256;
}

async function asyncFilter<T>(items: readonly T[], keep: (item: T) => Promise<boolean>) {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_item, index) => kept[index]);
}
