import type { GuestUse } from "../ports/guest-agent.ts";
import { ProtocolError } from "./frames.ts";

/** How long a tick of /proc/stat is: USER_HZ is 100 on every Linux. */
const tickMs = 10;

/** What /proc/diskstats counts in, whatever the disk's own sectors are. */
const sectorBytes = 512;

/** The disk that a guest has. */
const diskName = "vda";

/** A guest's traffic with itself. */
const loopback = "lo";

/**
 * Reads the files of /proc that an agent sent, each after a line `== <path>`; see proc(5). Throws
 * `ProtocolError` where what it needs is missing, or is no number that could be.
 */
export function parseGuestUse(text: string): GuestUse {
  const files = new Map<string, string>();
  for (const part of text.split(/^== /m).slice(1)) {
    const end = part.indexOf("\n");
    files.set(part.slice(0, end), part.slice(end + 1));
  }
  const file = (path: string) => files.get(path) ?? "";
  const status = [...files].find(([path]) => /^\/proc\/\d+\/status$/.test(path))?.[1] ?? "";
  return {
    cpu: cpuUse(file("/proc/stat")),
    memory: memoryUse(file("/proc/meminfo"), status),
    network: networkUse(file("/proc/net/dev")),
    disk: diskUse(file("/proc/diskstats")),
  };
}

/** user, nice, system, idle, iowait, irq, softirq, steal. What the host took is no work of the guest. */
function cpuUse(stat: string): GuestUse["cpu"] {
  const ticks = numbers(/^cpu +(.*)$/m.exec(stat)?.[1], "processor time", 8);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    ticks;
  const busy = user + nice + system + irq + softirq;
  return {
    busyMs: checked(busy * tickMs),
    totalMs: checked((busy + idle + iowait + steal) * tickMs),
  };
}

function memoryUse(meminfo: string, status: string): GuestUse["memory"] {
  const total = kibibytes(meminfo, "MemTotal");
  const available = kibibytes(meminfo, "MemAvailable");
  if (total === null || available === null || available > total) {
    throw new ProtocolError(`found no memory, or ${available} of ${total} bytes available`);
  }
  // A server that has just ended has none any more.
  const peakBytes = kibibytes(status, "VmHWM") ?? 0;
  return { totalBytes: total, usedBytes: total - available, peakBytes };
}

function kibibytes(text: string, field: string): number | null {
  const line = text.split("\n").find((found) => found.startsWith(`${field}:`));
  const value = line === undefined ? undefined : /^\S+\s+(\d+) kB$/.exec(line)?.[1];
  return value === undefined ? null : checked(count(value, field) * 1024);
}

/** All cards together. Received bytes are the first of a line's numbers, sent ones the ninth. */
function networkUse(devices: string): GuestUse["network"] {
  let [receivedBytes, sentBytes] = [0, 0];
  for (const line of devices.split("\n")) {
    const [name = "", counters] = line.split(":");
    if (counters === undefined || name.trim() === loopback) continue;
    const [received = 0, , , , , , , , sent = 0] = numbers(counters, "network counters", 9);
    receivedBytes += received;
    sentBytes += sent;
  }
  return { receivedBytes: checked(receivedBytes), sentBytes: checked(sentBytes) };
}

/** After numbers and name of the device: reads, merged, sectors, ms, writes, merged, sectors. */
function diskUse(diskstats: string): GuestUse["disk"] {
  const line = new RegExp(`^ *\\d+ +\\d+ ${diskName} (.*)$`, "m").exec(diskstats)?.[1];
  if (line === undefined) return { readBytes: 0, writtenBytes: 0 };
  const [, , read = 0, , , , written = 0] = numbers(line, "disk counters", 7);
  return { readBytes: checked(read * sectorBytes), writtenBytes: checked(written * sectorBytes) };
}

/** The first `wanted` numbers of a line. */
function numbers(line: string | undefined, what: string, wanted: number): number[] {
  const words = (line ?? "").trim().split(/\s+/).slice(0, wanted);
  if (words.length < wanted) {
    throw new ProtocolError(`found ${words.length} ${what}, want ${wanted}`);
  }
  return words.map((word) => count(word, what));
}

function count(text: string, what: string): number {
  if (!/^\d{1,16}$/.test(text)) {
    throw new ProtocolError(`found "${text.slice(0, 20)}" in ${what}, want a number`);
  }
  return checked(Number(text));
}

function checked(value: number): number {
  if (!Number.isSafeInteger(value)) throw new ProtocolError(`found ${value}, want what can be`);
  return value;
}
