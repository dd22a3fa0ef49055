import { isBefore } from "../../lib/version-order.ts";
import { runCommand } from "../../os/run-command.ts";

/** A released version, as its three numbers. */
export type FirecrackerVersion = readonly [major: number, minor: number, patch: number];

/** The oldest that is driven: it restores a network card of another name, and bounds its metadata. */
export const oldest: FirecrackerVersion = [1, 12, 0];

/** What is known to be wrong with versions before the one that mends it. */
const knownFaults: readonly (readonly [mendedIn: FirecrackerVersion, fault: string])[] = [
  [
    [1, 16, 0],
    "the console of a VM may stop when a snapshot is taken while it prints (mended in 1.16.0)",
  ],
  [
    [1, 16, 1],
    "a restored VM may not be reachable over vsock, so that it has no shell (mended in 1.16.1)",
  ],
];

/** Asks the program. Rejects where that says nothing like `Firecracker v1.16.1`. */
export async function readVersion(path: string): Promise<FirecrackerVersion> {
  const { stdout } = await runCommand([path, "--version"], { timeoutMs: 5_000 });
  return parseVersion(stdout);
}

export function parseVersion(text: string): FirecrackerVersion {
  const [, ...numbers] = /^Firecracker v(\d+)\.(\d+)\.(\d+)/m.exec(text) ?? [];
  const [major, minor, patch] = numbers.map(Number);
  if (major === undefined || minor === undefined || patch === undefined) {
    throw new Error(`it does not say which version it is: ${text.trim().slice(0, 200)}`);
  }
  return [major, minor, patch];
}

export function formatVersion(version: FirecrackerVersion): string {
  return version.join(".");
}

/** What an operator should know of a version, a sentence each. */
export function faultsOf(version: FirecrackerVersion): string[] {
  return knownFaults
    .filter(([mendedIn]) => isBefore(version, mendedIn))
    .map(([, fault]) => `Firecracker ${formatVersion(version)}: ${fault}`);
}
