import type { CloneSubject } from "./clones.ts";

/** Everything that Node draws from, by name; what is asynchronous is drawn in the thread pool. */
const draws: Readonly<Record<string, string>> = {
  "Math.random": "hex(new Float64Array([Math.random()]))",
  randomUUID: "crypto.randomUUID()",
  "the global crypto.randomUUID": "globalThis.crypto.randomUUID()",
  getRandomValues: "hex(globalThis.crypto.getRandomValues(new Uint8Array(16)))",
  randomBytes: "hex(crypto.randomBytes(16))",
  randomInt: "crypto.randomInt(2 ** 47, 2 ** 48 - 1).toString(16)",
  generateKeyPairSync: "secretOf(crypto.generateKeyPairSync('x25519').privateKey)",
  "a signature": "hex(crypto.sign('sha256', Buffer.from('text'), signer)).slice(12)",
  "asynchronous randomBytes": "hex(await promisify(crypto.randomBytes)(16))",
  "asynchronous randomInt":
    "(await promisify(crypto.randomInt)(2 ** 47, 2 ** 48 - 1)).toString(16)",
  "asynchronous generateKeyPair":
    "secretOf((await promisify(crypto.generateKeyPair)('x25519')).privateKey)",
  "the name of a temporary folder": "hex(Buffer.from((await mkdtemp('/tmp/')).slice(5)))",
};

const code = `
import * as crypto from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { afterRestore } from "firelet";

const hex = ({ buffer, byteOffset, byteLength }) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("hex");
const secretOf = (key) => hex(key.export({ format: "der", type: "pkcs8" }).subarray(-32));
const signer = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const draws = {
  ${Object.entries(draws)
    .map(([name, draw]) => `"${name}": async () => ${draw},`)
    .join("\n  ")}
};

async function drawAll() {
  const drawn = {};
  await Promise.all(
    Object.entries(draws).map(async ([name, draw]) => { drawn[name] = await draw(); }),
  );
  return drawn;
}

// Until each thread of the pool has a generator.
for (let count = 0; count < 5; count += 1) await drawAll();

let first, ticks;
afterRestore(async () => {
  ticks = [];
  first = await drawAll();
});
let fired = 0;
for (let count = 0; count < 50; count += 1) setTimeout(() => { fired += 1; }, 60_000);
setInterval(() => ticks?.push(performance.now()), 50);

export async function handler({ ms }) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  const now = await drawAll();
  return { first, now, host_name: hostname(), fired, ticks, time_ms: Date.now() };
}
`;

/** Clones of Node. */
export const nodeClones: Omit<CloneSubject, "image"> = {
  runtime: "Node",
  code,
  draws: Object.keys(draws),
};
