import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { findProgram } from "./find-program.ts";

/** A program that something needs, the Debian package it comes in, and what it is needed for. */
export interface SystemTool {
  readonly command: string;
  readonly package: string;
  readonly why: string;
}

/** The tools of `wanted` that this machine does not have. */
export function findMissingTools(
  wanted: readonly SystemTool[],
  searchPath = process.env["PATH"] ?? "",
): SystemTool[] {
  return wanted.filter(({ command }) => findProgram(command, searchPath) === null);
}

/** What a person types to install packages. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get install --no-install-recommends ${packages.join(" ")}`;
}

/** Whether this process may install packages; otherwise why not, to follow "because". */
export function whyNotInstall(searchPath = process.env["PATH"] ?? ""): string | null {
  if (findProgram("apt-get", searchPath) === null) return "this machine has no apt-get";
  return process.getuid?.() === 0 ? null : "only root may install packages";
}

/**
 * Installs Debian packages, without questions and without recommended ones. `report` hears what is
 * going on and how much of it is done, in percent. Rejects with the end of apt-get's output.
 */
export async function installPackages(
  packages: readonly string[],
  report: (doing: string, percent: number) => void,
): Promise<void> {
  const install = ["install", "--no-install-recommends", ...packages];
  let refreshed = false;
  if (!hasPackageLists()) {
    await aptGet(["update"], report);
    refreshed = true;
  }
  try {
    await aptGet(install, report);
  } catch (error) {
    // Lists that are out of date name versions which the archive has no more.
    if (refreshed) throw error;
    await aptGet(["update"], report);
    await aptGet(install, report);
  }
}

function hasPackageLists(): boolean {
  try {
    return readdirSync("/var/lib/apt/lists").some((name) => name.includes("_Packages"));
  } catch {
    // No folder, no lists.
    return false;
  }
}

async function aptGet(
  args: readonly string[],
  report: (doing: string, percent: number) => void,
): Promise<void> {
  const options = ["-q", "-y", "-o", "APT::Status-Fd=3", "-o", "DPkg::Lock::Timeout=300"];
  const child = spawn("apt-get", [...options, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const output: string[] = [];
  const keep = (line: string) => {
    output.push(line);
    if (output.length > 20) output.shift();
  };
  createInterface(child.stdout!).on("line", keep);
  createInterface(child.stderr!).on("line", keep);
  createInterface(child.stdio[3] as NodeJS.ReadableStream).on("line", (line) => {
    const status = parseStatus(line);
    if (status) report(status.doing, status.percent);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new Error(`apt-get ${args.join(" ")} failed:\n${output.join("\n")}`);
  }
}

/** One line of apt-get's status descriptor: `dlstatus:<n>:<percent>:<text>` or `pmstatus:…`. */
export function parseStatus(line: string): { doing: string; percent: number } | null {
  const parts = /^(?:dlstatus|pmstatus):[^:]*(?::[a-z0-9]+)?:(\d+(?:\.\d+)?):(.*)$/.exec(line);
  return parts ? { percent: Math.round(Number(parts[1])), doing: parts[2]! } : null;
}
