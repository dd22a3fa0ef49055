import { isIP } from "node:net";
import { alwaysClosed, type Egress, egressRules } from "./core/egress.ts";
import { overlaps, parseIpv4Block } from "./core/ipv4.ts";
import { driverKinds, type DriverKind } from "./core/vm.ts";

export const driverChoices = ["auto", ...driverKinds] as const;
export type DriverChoice = "auto" | DriverKind;

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const networkModes = ["auto", "namespace", "user"] as const;
export type NetworkMode = (typeof networkModes)[number];

/** One kind of value: what is allowed, and how text from a flag or the environment becomes it. */
export interface Kind<T> {
  readonly wanted: string;
  readonly fromText: (text: string) => unknown;
  readonly accepts: (value: unknown) => value is T;
}

const asText = (value: string) => value;

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.trim() !== "";

const text: Kind<string> = { wanted: "some text", fromText: asText, accepts: isText };
export const path: Kind<string> = { wanted: "a path", fromText: asText, accepts: isText };

function integer(min: number, max: number): Kind<number> {
  return {
    wanted: `a whole number from ${min} to ${max}`,
    fromText: (value) => (/^-?\d+$/.test(value) ? Number(value) : value),
    accepts: (value): value is number =>
      Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
  };
}

const url: Kind<string> = {
  wanted: "an address that starts with http:// or https://",
  fromText: asText,
  accepts: (value): value is string =>
    isText(value) && /^https?:$/.test(URL.parse(value)?.protocol ?? ""),
};

const share: Kind<number> = {
  wanted: "a number from 0 to 1",
  fromText: (value) => (/^\d*\.?\d+$/.test(value) ? Number(value) : value),
  accepts: (value): value is number => typeof value === "number" && value >= 0 && value <= 1,
};

function oneOf<const T extends string>(names: readonly T[]): Kind<T> {
  return {
    wanted: `one of ${names.join(", ")}`,
    fromText: asText,
    accepts: (value): value is T => names.some((name) => name === value),
  };
}

const answers = new Map([
  ...["true", "yes", "1"].map((word) => [word, true] as const),
  ...["false", "no", "0"].map((word) => [word, false] as const),
]);

const boolean: Kind<boolean> = {
  wanted: "true or false",
  fromText: (value) => answers.get(value.toLowerCase()) ?? value,
  accepts: (value): value is boolean => typeof value === "boolean",
};

/** A block that VMs can have their addresses from; loopback, link-local and groups have other uses. */
const vmRange: Kind<string> = {
  wanted:
    "an IPv4 block from /8 to /28 that is no loopback, link-local or multicast one, such as 198.18.0.0/16",
  fromText: asText,
  accepts: (value): value is string => {
    const [, prefix = ""] = isText(value) ? value.split("/") : [];
    const block = isText(value) ? parseIpv4Block(value) : undefined;
    if (block === undefined || Number(prefix) < 8 || Number(prefix) > 28) return false;
    return !alwaysClosed.some((closed) => overlaps(block, parseIpv4Block(closed) ?? block));
  },
};

const toList = (value: string) => value.split(",").map((entry) => entry.trim());

const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(isText);

const egress: Kind<Egress> = {
  wanted:
    '"none", "internet", or a list of at most 64 of "internet", IPv4 addresses and blocks that are not always closed, and host names, each of these with an optional port',
  fromText: (value) => (value === "none" || value === "internet" ? value : toList(value)),
  accepts: (value): value is Egress => {
    if (value !== "none" && value !== "internet" && !isList(value)) return false;
    try {
      egressRules(value);
      return true;
    } catch {
      // It says which entry is wrong; what was found is in the message of every bad setting.
      return false;
    }
  },
};

const nameServers: Kind<readonly string[]> = {
  wanted:
    "a list of IPv4 or IPv6 addresses, each with an optional port: 9.9.9.9:53, [2620:fe::9]:53",
  fromText: toList,
  accepts: (value): value is readonly string[] =>
    isList(value) && value.every((server) => parseNameServer(server) !== undefined),
};

/** A name server that functions' look-ups go to. */
export interface NameServer {
  /** IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
}

/** Undefined for what is no address, and no address with a port. */
export function parseNameServer(server: string): NameServer | undefined {
  if (isIP(server) !== 0) return { address: server, port: 53 };
  const [, v6, v4, digits] = /^(?:\[(.+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(server) ?? [];
  const address = v6 ?? v4 ?? "";
  const port = Number(digits ?? 53);
  const isAddress = isIP(address) === (v6 === undefined ? 4 : 6);
  return isAddress && port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

/** Where a setting is found and what it may be. An empty default depends on the user or the host. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  readonly env: string;
  readonly flag: string | null;
}

function setting<T>(
  kind: Kind<T>,
  initial: T,
  names: { readonly env: string; readonly flag?: string },
): Setting<T> {
  return { kind, default: initial, env: names.env, flag: names.flag ?? null };
}

/**
 * Every setting but `images`, by its place in the file. docs/configuration.md has a row for each,
 * and a test holds the two equal.
 */
export const settings = {
  host: setting(text, "127.0.0.1", { env: "FIRELET_HOST", flag: "--host" }),
  port: setting(integer(0, 65_535), 18_080, { env: "FIRELET_PORT", flag: "--port" }),
  dataDir: setting(path, "", { env: "FIRELET_DATA", flag: "--data" }),
  driver: setting<DriverChoice>(oneOf(driverChoices), "auto", {
    env: "FIRELET_DRIVER",
    flag: "--driver",
  }),
  yes: setting(boolean, false, { env: "FIRELET_YES", flag: "--yes" }),
  logLevel: setting<LogLevel>(oneOf(logLevels), "info", { env: "FIRELET_LOG_LEVEL" }),
  firecrackerPath: setting(path, "", {
    env: "FIRELET_FIRECRACKER_BIN",
    flag: "--firecracker-bin",
  }),
  jailer: setting(boolean, true, { env: "FIRELET_JAILER", flag: "--no-jailer" }),
  jailerPath: setting(path, "", { env: "FIRELET_JAILER_BIN", flag: "--jailer-bin" }),
  qemuPath: setting(path, "", { env: "FIRELET_QEMU_PATH" }),
  "limits.concurrentDeploys": setting(integer(1, 64), 2, { env: "FIRELET_CONCURRENT_DEPLOYS" }),
  "limits.queuePerFunction": setting(integer(0, 1_000_000), 1000, {
    env: "FIRELET_QUEUE_PER_FUNCTION",
  }),
  "limits.drainMs": setting(integer(0, 900_000), 10_000, { env: "FIRELET_DRAIN_MS" }),
  "limits.bootTimeoutMs": setting(integer(1000, 600_000), 60_000, {
    env: "FIRELET_BOOT_TIMEOUT_MS",
  }),
  "limits.vms": setting(integer(1, 100_000), 1000, { env: "FIRELET_VMS" }),
  "limits.vmMemoryMib": setting(integer(0, 100_000_000), 0, { env: "FIRELET_VM_MEMORY_MIB" }),
  "snapshots.enabled": setting(boolean, true, { env: "FIRELET_SNAPSHOTS" }),
  "snapshots.prepare": setting(boolean, true, { env: "FIRELET_SNAPSHOTS_PREPARE" }),
  "snapshots.diskMib": setting(integer(1, 100_000_000), 20_480, {
    env: "FIRELET_SNAPSHOTS_DISK_MIB",
  }),
  "snapshots.standbyVms": setting(integer(0, 10_000), 2, { env: "FIRELET_STANDBY_VMS" }),
  "network.mode": setting<NetworkMode>(oneOf(networkModes), "auto", {
    env: "FIRELET_NETWORK_MODE",
  }),
  "network.range": setting(vmRange, "198.18.0.0/16", { env: "FIRELET_NETWORK_RANGE" }),
  "network.egress": setting<Egress>(egress, "internet", { env: "FIRELET_EGRESS" }),
  "network.readySlots": setting(integer(1, 1000), 8, { env: "FIRELET_NETWORK_READY_SLOTS" }),
  "network.connections": setting(integer(1, 100_000), 1024, {
    env: "FIRELET_NETWORK_CONNECTIONS",
  }),
  "network.bandwidthMbit": setting(integer(0, 1_000_000), 0, {
    env: "FIRELET_NETWORK_BANDWIDTH_MBIT",
  }),
  "network.nameServers": setting<readonly string[]>(nameServers, [], {
    env: "FIRELET_NAME_SERVERS",
  }),
  "telemetry.otlpEndpoint": setting(url, "", { env: "OTEL_EXPORTER_OTLP_ENDPOINT" }),
  "telemetry.traceRatio": setting(share, 1, { env: "OTEL_TRACES_SAMPLER_ARG" }),
  "retention.invocationDays": setting(integer(1, 3650), 30, { env: "FIRELET_INVOCATION_DAYS" }),
  "retention.invocationsPerFunction": setting(integer(1, 100_000_000), 100_000, {
    env: "FIRELET_INVOCATIONS_PER_FUNCTION",
  }),
};

export type SettingKey = keyof typeof settings;
export type SettingValue<K extends SettingKey> =
  (typeof settings)[K] extends Setting<infer T> ? T : never;

/** A setting cannot be used; the message says where it is, what was found and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** A value that was set somewhere, and where. Relative paths in it start at `folder`. */
export interface Found<T> {
  readonly value: T;
  readonly source: string;
  readonly folder: string;
}

/** The error for a value that is not allowed. */
export function unusable(found: Found<unknown>, wanted: string): ConfigError {
  return new ConfigError(
    `Cannot use ${found.source}: found ${JSON.stringify(found.value)}, wanted ${wanted}`,
  );
}
