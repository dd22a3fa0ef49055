import type { FunctionItem } from "../api/functions.ts";
import type { Style } from "./output.ts";

/** A time stamp of the API in the local time zone, to the second; "-" for none. */
export function localTime(timestamp: string | null): string {
  if (timestamp === null) return "-";
  const date = new Date(timestamp);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${twoDigits(day, "-")} ${twoDigits(time, ":")}`;
}

function twoDigits(parts: readonly number[], separator: string): string {
  return parts.map((part) => String(part).padStart(2, "0")).join(separator);
}

/** A duration in seconds, or in milliseconds below one. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A number of bytes in the unit that suits it. */
export function byteCount(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** An egress policy, as `--egress` takes it. */
export function egressText(egress: FunctionItem["egress"]): string {
  return typeof egress === "string" ? egress : egress.join(", ") || "none";
}

/** The colour of every state and status that the API knows. */
export const stateStyles: Readonly<Record<string, Style>> = {
  creating: "yellow",
  booting: "yellow",
  standby: "yellow",
  adopting: "yellow",
  deploying: "yellow",
  stopping: "yellow",
  ready: "green",
  running: "green",
  success: "green",
  error: "red",
  timeout: "red",
};

/** Isolation in plain words. */
export const isolationWords: Readonly<Record<string, string>> = {
  hardware: "a virtual machine each, kept apart by the processor",
  emulated:
    "a virtual machine each, emulated in software: QEMU does not promise to contain hostile code there",
  none: "none: functions run as plain processes of this machine, so run only code that you trust",
};
