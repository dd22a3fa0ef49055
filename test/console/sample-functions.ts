import { randomUUID } from "node:crypto";
import type { CreateFunctionRequest } from "../../src/api/functions.ts";
import { invocationRecord } from "../support/records.ts";
import type { InvocationRecord } from "../../src/core/invocation.ts";
import type { Store } from "../../src/ports/store.ts";

/** A function as somebody would have it, and how it has done since yesterday. */
interface Sample {
  readonly request: CreateFunctionRequest;
  /** Events to call it with. */
  readonly events: readonly unknown[];
  /** Calls an hour at noon; at night it has a quarter of them. */
  readonly callsPerHour: number;
  /** The share of calls that fail, and the hour of the day when a third of them did. */
  readonly errorShare: number;
  readonly badHour?: number;
  readonly typicalMs: number;
}

export const samples: readonly Sample[] = [
  {
    request: {
      name: "checkout-total",
      runtime: "node",
      max_vms: 8,
      min_vms: 1,
      code: `const rates = { de: 0.19, fr: 0.2, us: 0 };

// Adds up a basket, with the tax of its country.
async function handler({ items = [], country = "de" }) {
  const rate = rates[country];
  if (rate === undefined) throw new Error(\`No tax rate for "\${country}"\`);
  const net = items.reduce((sum, { price, count }) => sum + price * count, 0);
  console.log(\`\${items.length} items for \${country}\`);
  return { net, tax: net * rate, total: net * (1 + rate) };
}
`,
    },
    events: [
      {
        items: [
          { price: 12.5, count: 2 },
          { price: 4, count: 1 },
        ],
        country: "fr",
      },
      { items: [{ price: 99, count: 1 }], country: "de" },
      { items: [], country: "mars" },
    ],
    callsPerHour: 420,
    errorShare: 0.004,
    badHour: 15,
    typicalMs: 2.4,
  },
  {
    request: {
      name: "resize-image",
      runtime: "python",
      memory_mb: 512,
      max_vms: 4,
      code: `import hashlib, time

def handler(event, context):
    """Stands for work: one pass over the picture for each size."""
    sizes = event.get("sizes", [64, 256, 1024])
    for size in sizes:
        started = time.perf_counter()
        for _ in range(size):
            hashlib.sha256(b"pixel" * size).digest()
        print(f"{size} px in {1000 * (time.perf_counter() - started):.0f} ms")
    return {"picture": event.get("picture"), "sizes": sizes}
`,
    },
    events: [{ picture: "cat.jpg" }, { picture: "boat.jpg", sizes: [128, 512] }],
    callsPerHour: 60,
    errorShare: 0.02,
    typicalMs: 180,
  },
  {
    request: {
      name: "webhook-inbox",
      runtime: "node",
      env: { SECRET_NAME: "inbox" },
      egress: ["api.example.com:443"],
      code: `async function handler({ source = "unknown", body = {} }) {
  console.log("from", source);
  return { accepted: true, keys: Object.keys(body) };
}
`,
    },
    events: [{ source: "shop", body: { order: 17 } }],
    callsPerHour: 130,
    errorShare: 0,
    typicalMs: 1.1,
  },
  {
    request: {
      name: "nightly-report",
      runtime: "python",
      timeout_seconds: 300,
      code: `def handler(event, context):
    rows = event.get("rows", [])
    return {"rows": len(rows), "sum": sum(rows)}
`,
    },
    events: [{ rows: [1, 2, 3, 6] }],
    callsPerHour: 1,
    errorShare: 0,
    typicalMs: 6,
  },
  {
    request: {
      name: "translate-text",
      runtime: "node",
      code: `import { words } from "dictionary";

export async function handler({ text }) {
  return text.split(" ").map((word) => words[word] ?? word).join(" ");
}
`,
    },
    events: [],
    callsPerHour: 0,
    errorShare: 0,
    typicalMs: 1,
  },
];

const hourMs = 3_600_000;

/** Writes what a day of calls would have left, for pictures that are not of an empty house. */
export async function writeYesterday(store: Store, now: Date): Promise<void> {
  // The same pictures every time.
  const random = randomOf(7);
  for (const record of await store.functions.list()) {
    const sample = samples.find(({ request }) => request.name === record.name);
    if (sample === undefined) continue;
    for (let hour = 24; hour >= 1; hour -= 1) {
      const batch = hourOf(sample, new Date(now.getTime() - hour * hourMs), random);
      await store.invocations.insertBatch(
        batch.map((each) => ({ ...each, functionId: record.id })),
      );
    }
  }
}

function hourOf(
  { callsPerHour, errorShare, badHour, typicalMs, events }: Sample,
  begin: Date,
  random: () => number,
): InvocationRecord[] {
  const ofDay = begin.getUTCHours();
  const daylight = 0.25 + 0.75 * Math.max(0, Math.sin(((ofDay - 5) / 16) * Math.PI));
  const calls = Math.round(callsPerHour * daylight * (0.85 + 0.3 * random()));
  const share = ofDay === badHour ? 0.12 : errorShare;
  return Array.from({ length: calls }, (_, index) => {
    const failed = random() < share;
    return invocationRecord({
      id: randomUUID(),
      requestId: randomUUID(),
      invokedAt: new Date(begin.getTime() + ((index + random()) / calls) * hourMs),
      durationMs: typicalMs * Math.exp(1.4 * (random() + random() - 1)),
      coldStart: index === 0 && ofDay < 6,
      status: failed ? "error" : "success",
      error: failed ? 'No tax rate for "mars"' : null,
      errorType: failed ? "Error" : null,
      event: JSON.stringify(events[0] ?? {}),
    });
  });
}

/** Numbers from 0 to 1 that are the same every time: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
