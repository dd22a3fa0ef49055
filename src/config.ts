import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";
import { expandPath, fromFile, readConfigFile, readImages } from "./config-file.ts";
import type { ConfigFile, ImageOverride } from "./config-file.ts";
import { ConfigError, parseNameServer, settings, unusable } from "./config-settings.ts";
import type {
  DriverChoice,
  Found,
  LogLevel,
  NameServer,
  NetworkMode,
  SettingKey,
  SettingValue,
} from "./config-settings.ts";
import type { Egress } from "./core/egress.ts";

/** Everything an operator can choose. Frozen; folders and files are absolute paths. */
export interface Config {
  /** A loopback address, or `localhost`. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Where functions, images and VMs live. */
  readonly dataDir: string;
  readonly driver: DriverChoice;
  /** Whether missing system packages are installed without asking. */
  readonly yes: boolean;
  readonly logLevel: LogLevel;
  /** The Firecracker to run; null is the one on PATH. */
  readonly firecrackerPath: string | null;
  /** Whether Firecracker is run in a jail where that can be. */
  readonly jailer: boolean;
  /** Firecracker's jailer; null is the one beside Firecracker or on PATH. */
  readonly jailerPath: string | null;
  /** The QEMU to run; null is the one on PATH. */
  readonly qemuPath: string | null;
  /** What a runtime's VMs are started from, by runtime, where the operator names it. */
  readonly images: Readonly<Record<string, ImageOverride>>;
  readonly limits: {
    readonly concurrentDeploys: number;
    /** Invocations of one function that may wait for a VM. */
    readonly queuePerFunction: number;
    /** How long running invocations may take to finish when the manager or a VM stops. */
    readonly drainMs: number;
    readonly bootTimeoutMs: number;
    /** VMs of this host, in all. */
    readonly vms: number;
    /** What their guests may be promised together; 0 is four fifths of the host's memory. */
    readonly vmMemoryMib: number;
  };
  readonly snapshots: {
    /** Whether VMs are clones of snapshots, where the driver has them; otherwise each boots. */
    readonly enabled: boolean;
    /** Whether base snapshots are made when the manager starts; otherwise at first need. */
    readonly prepare: boolean;
    readonly diskMib: number;
    /** VMs that stand by for functions that sleep; in all. */
    readonly standbyVms: number;
  };
  readonly network: {
    /** `auto` is a namespace for each VM where this host can have them. */
    readonly mode: NetworkMode;
    /** The block that VMs have their addresses from, such as `198.18.0.0/16`. */
    readonly range: string;
    /** Beyond this no function may reach, whatever its own policy allows. */
    readonly egress: Egress;
    /** Networks that are made before a VM asks for one. */
    readonly readySlots: number;
    /** Connections that a VM may have at once. */
    readonly connections: number;
    /** What a VM may send, and receive, a second; 0 is no limit. */
    readonly bandwidthMbit: number;
    /** Where functions' look-ups go; none are those of /etc/resolv.conf. */
    readonly nameServers: readonly NameServer[];
  };
  readonly telemetry: {
    /** Where traces are sent, as OTLP over HTTP; null is nowhere. */
    readonly otlpEndpoint: string | null;
    /** The part of the traces that begin here which is recorded. */
    readonly traceRatio: number;
  };
  readonly retention: {
    readonly invocationDays: number;
    readonly invocationsPerFunction: number;
  };
}

/** Flags as the command line gave them: text, or true for a flag that takes no value. */
export type ConfigFlags = Partial<Record<SettingKey | "config", string | true>>;

/** What the configuration is read from. */
export interface ConfigSources {
  readonly flags: ConfigFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly isRoot: boolean;
  /** Relative paths in flags and environment start here; those in the file, at the file's folder. */
  readonly cwd: string;
}

/**
 * Reads the configuration: a flag goes before the environment, the environment before the file,
 * the file before the default. Throws `ConfigError`.
 */
export function loadConfig(sources: ConfigSources): Config {
  const { flags, env, cwd, home } = sources;
  const named = typeof flags.config === "string" ? flags.config : env["FIRELET_CONFIG"];
  const file = named
    ? readConfigFile(expandPath(named, cwd, home), true)
    : readConfigFile(defaultConfigFile(sources), false);
  const get = <K extends SettingKey>(key: K) =>
    (find(key, sources, file)?.value ?? settings[key].default) as SettingValue<K>;
  const pathOf = (key: "dataDir" | "firecrackerPath" | "jailerPath" | "qemuPath") => {
    const found = find(key, sources, file);
    return found && expandPath(found.value, found.folder, home);
  };
  return deepFreeze({
    host: loopbackHost(find("host", sources, file)) ?? settings.host.default,
    port: get("port"),
    dataDir: pathOf("dataDir") ?? defaultDataDir(sources),
    driver: get("driver"),
    yes: get("yes"),
    logLevel: get("logLevel"),
    firecrackerPath: pathOf("firecrackerPath"),
    jailer: get("jailer"),
    jailerPath: pathOf("jailerPath"),
    qemuPath: pathOf("qemuPath"),
    images: readImages(file, home),
    limits: {
      concurrentDeploys: get("limits.concurrentDeploys"),
      queuePerFunction: get("limits.queuePerFunction"),
      drainMs: get("limits.drainMs"),
      bootTimeoutMs: get("limits.bootTimeoutMs"),
      vms: get("limits.vms"),
      vmMemoryMib: get("limits.vmMemoryMib"),
    },
    snapshots: {
      enabled: get("snapshots.enabled"),
      prepare: get("snapshots.prepare"),
      diskMib: get("snapshots.diskMib"),
      standbyVms: get("snapshots.standbyVms"),
    },
    network: {
      mode: get("network.mode"),
      range: get("network.range"),
      egress: get("network.egress"),
      readySlots: get("network.readySlots"),
      connections: get("network.connections"),
      bandwidthMbit: get("network.bandwidthMbit"),
      nameServers: get("network.nameServers").flatMap((server) => parseNameServer(server) ?? []),
    },
    telemetry: {
      otlpEndpoint: get("telemetry.otlpEndpoint") || null,
      traceRatio: get("telemetry.traceRatio"),
    },
    retention: {
      invocationDays: get("retention.invocationDays"),
      invocationsPerFunction: get("retention.invocationsPerFunction"),
    },
  });
}

function find<K extends SettingKey>(
  key: K,
  sources: ConfigSources,
  file: ConfigFile,
): Found<SettingValue<K>> | null {
  const found = lookUp(key, sources, file);
  const { kind } = settings[key];
  if (found === null) return null;
  if (!kind.accepts(found.value)) throw unusable(found, kind.wanted);
  return found as Found<SettingValue<K>>;
}

function lookUp(key: SettingKey, sources: ConfigSources, file: ConfigFile): Found<unknown> | null {
  const { flag, env, kind } = settings[key];
  const given = sources.flags[key];
  if (given !== undefined) {
    const value = given === true ? true : kind.fromText(given);
    return { value, source: flag ?? key, folder: sources.cwd };
  }
  const variable = sources.env[env];
  // An empty variable is how compose files and units leave a setting alone.
  if (variable) return { value: kind.fromText(variable), source: env, folder: sources.cwd };
  return file.values.has(key) ? fromFile(key, file) : null;
}

function loopbackHost(found: Found<string> | null): string | null {
  if (found === null) return null;
  const { value, source } = found;
  const loopback =
    value === "localhost" || value === "::1" || (isIP(value) === 4 && value.startsWith("127."));
  if (loopback) return value;
  throw new ConfigError(
    `Cannot listen on "${value}": ${source} must be one of the loopback addresses (127.0.0.1, ::1, ` +
      "localhost), as only loopback addresses are allowed while there are no API keys",
  );
}

function defaultDataDir({ isRoot, env, home }: ConfigSources): string {
  if (isRoot) return "/var/lib/firelet";
  return join(xdgFolder(env["XDG_DATA_HOME"]) ?? join(home, ".local/share"), "firelet");
}

function defaultConfigFile({ isRoot, env, home }: ConfigSources): string {
  if (isRoot) return "/etc/firelet/config.json";
  return join(xdgFolder(env["XDG_CONFIG_HOME"]) ?? join(home, ".config"), "firelet/config.json");
}

/** The XDG Base Directory Specification wants relative values ignored. */
function xdgFolder(value: string | undefined): string | null {
  return value && isAbsolute(value) ? value : null;
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
