import assert from "node:assert/strict";

/** A function that keeps the processor busy for a while, and holds memory from then on. */
export const knownLoadCode = `
const held = [];
async function handler({ busyMs = 0, holdMib = 0 }) {
  if (holdMib > 0) held.push(Buffer.alloc(holdMib * 2 ** 20, 1));
  for (const start = performance.now(); performance.now() - start < busyMs; );
}`;

/** The files that a guest's figures are read from, printed at its terminal. */
export const printOwnFigures =
  'for f in /proc/stat /proc/meminfo /proc/diskstats /proc/net/dev /proc/$(cat /run/runtime-server.pid)/status; do echo "== $f"; cat $f; done';

/** A figure may be a tenth off. */
export function assertNear(value: number | undefined, wanted: number): void {
  assert.ok(Math.abs((value ?? 0) - wanted) <= 0.1 * wanted, `${value}, not about ${wanted}`);
}
