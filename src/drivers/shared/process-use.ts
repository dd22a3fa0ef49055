import { readFile } from "node:fs/promises";

import type { VmmUse } from "../../ports/vm-driver.ts";

/** How long a tick of /proc is on Linux, whatever the kernel's own rate (USER_HZ is 100). */
const tickMs = 10;

/** What a VM's process has used since it started; proc(5). Rejects where it has ended. */
export async function measureProcess(
  pid: number,
  tap: string | null,
): Promise<Omit<VmmUse, "disk">> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8");
  const [stat, status, devices] = await Promise.all([
    read("stat"),
    read("status"),
    tap === null ? null : read("net/dev"),
  ]);
  return {
    cpuMs: ticksOf(stat) * tickMs,
    memoryBytes: residentBytes(status),
    network: devices === null || tap === null ? null : guestTraffic(devices, tap),
  };
}

/** User and system time, the 14th and 15th field. The name, the second, may hold anything. */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** A process that has ended and was not waited for has no memory. */
function residentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** What a tap sends is what its guest receives. */
function guestTraffic(devices: string, tap: string): VmmUse["network"] {
  const line = devices.split("\n").find((each) => each.trimStart().startsWith(`${tap}:`));
  if (line === undefined) return null;
  const counters = line
    .slice(line.indexOf(":") + 1)
    .trim()
    .split(/\s+/);
  return { receivedBytes: Number(counters[8]), sentBytes: Number(counters[0]) };
}
