import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** One reading: the counter's value in units of 256 ticks, between two moments of this host. */
interface Reading {
  readonly units: number;
  readonly midMs: number;
  readonly doubtMs: number;
}

const readings = 24;
const distanceMs = 200;

/**
 * Measures how fast the time stamp counter of a guest that runs `counterProgram` counts, in kHz,
 * over its serial port. Good to some 50 ppm: of many readings the quickest is taken, at both ends.
 */
export async function measureCounterKhz(port: Socket): Promise<number> {
  const first = await readBest(port);
  await sleep(distanceMs);
  const last = await readBest(port);
  const units = (last.units - first.units) >>> 0;
  return Math.round((256 * units) / (last.midMs - first.midMs));
}

async function readBest(port: Socket): Promise<Reading> {
  let best = await read(port);
  for (let count = 1; count < readings; count += 1) {
    const next = await read(port);
    if (next.doubtMs < best.doubtMs) best = next;
  }
  return best;
}

async function read(port: Socket): Promise<Reading> {
  const askedMs = performance.now();
  port.write("?");
  let answer = Buffer.alloc(0);
  while (answer.length < 4) {
    const [chunk] = (await once(port, "data")) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  const answeredMs = performance.now();
  return {
    units: answer.readUInt32LE(0),
    midMs: (askedMs + answeredMs) / 2,
    doubtMs: answeredMs - askedMs,
  };
}
