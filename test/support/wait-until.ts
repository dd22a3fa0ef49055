import { setTimeout as sleep } from "node:timers/promises";

/** Asks every 10 ms until `condition` holds; rejects with `what` after `limitMs`. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 5_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain: ${what}`);
    await sleep(10);
  }
}

/** Lets time pass, to show that something does not happen meanwhile. */
export async function passTime(ms: number): Promise<void> {
  await sleep(ms);
}
