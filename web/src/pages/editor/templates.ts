/** The languages that runtimes are written for, as far as they are known here. */
type LanguageName = "node" | "python";

/** The language of a runtime; null where it is none of ours. */
export function languageNameOf(runtime: string): LanguageName | null {
  return (["node", "python"] as const).find((name) => runtime.startsWith(name)) ?? null;
}

/** A function to begin with. */
export interface Template {
  readonly name: string;
  /** What the function is called unless its author wants another name. */
  readonly functionName: string;
  readonly code: string;
  /** An event to try it with. */
  readonly event: unknown;
}

const templates: Readonly<Record<LanguageName, readonly Template[]>> = {
  node: [
    {
      name: "Hello",
      functionName: "hello",
      event: { name: "World" },
      code: `async function handler(event) {
  console.log("Greeting", event.name);
  return { message: \`Hello, \${event.name}!\` };
}
`,
    },
    {
      name: "Data processing",
      functionName: "statistics",
      event: { numbers: [1, 2, 3, 6] },
      code: `async function handler({ numbers = [] }) {
  if (numbers.length === 0) return { count: 0 };
  const sorted = numbers.toSorted((a, b) => a - b);
  const sum = numbers.reduce((total, number) => total + number, 0);
  return {
    count: numbers.length,
    mean: sum / numbers.length,
    smallest: sorted.at(0),
    largest: sorted.at(-1),
  };
}
`,
    },
    {
      name: "HTTP request",
      functionName: "fetch-page",
      event: { url: "https://example.com/" },
      code: `// Where it may connect to is said by its egress, in the settings.
async function handler({ url }) {
  const answer = await fetch(url);
  const text = await answer.text();
  return { status: answer.status, bytes: text.length };
}
`,
    },
    {
      name: "TypeScript",
      functionName: "word-count",
      event: { text: "to be or not to be" },
      code: `interface Event {
  text: string;
}

export function handler({ text }: Event) {
  const counts: Record<string, number> = {};
  for (const word of text.split(/\\s+/)) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
`,
    },
    {
      name: "Environment and context",
      functionName: "who-am-i",
      event: {},
      code: `async function handler(event, context) {
  return {
    requestId: context.requestId,
    greeting: process.env.GREETING ?? "set GREETING in the environment",
  };
}
`,
    },
    {
      name: "Start and snapshot",
      functionName: "remember",
      event: {},
      code: `import { randomUUID } from "node:crypto";

// What is out here runs once, when the code is loaded. VMs are clones of that moment.
let instance = randomUUID();

// Each clone gets what clones must not share: an id, a connection, a token.
firelet.afterRestore(async () => {
  instance = randomUUID();
});

firelet.beforeSnapshot(async () => {
  console.log("A snapshot is about to be taken: connections can be closed here");
});

let calls = 0;

export async function handler() {
  calls += 1;
  return { instance, calls };
}
`,
    },
  ],
  python: [
    {
      name: "Hello",
      functionName: "hello",
      event: { name: "World" },
      code: `def handler(event, context):
    print("Greeting", event["name"])
    return {"message": f"Hello, {event['name']}!"}
`,
    },
    {
      name: "Data processing",
      functionName: "statistics",
      event: { numbers: [1, 2, 3, 6] },
      code: `from statistics import mean, median


def handler(event, context):
    numbers = event.get("numbers", [])
    if not numbers:
        return {"count": 0}
    return {
        "count": len(numbers),
        "mean": mean(numbers),
        "median": median(numbers),
        "largest": max(numbers),
    }
`,
    },
    {
      name: "HTTP request",
      functionName: "fetch-page",
      event: { url: "https://example.com/" },
      code: `from urllib.request import urlopen


# Where it may connect to is said by its egress, in the settings.
def handler(event, context):
    with urlopen(event["url"], timeout=10) as answer:
        return {"status": answer.status, "bytes": len(answer.read())}
`,
    },
    {
      name: "Environment and context",
      functionName: "who-am-i",
      event: {},
      code: `import os


def handler(event, context):
    return {
        "request_id": context.request_id,
        "greeting": os.environ.get("GREETING", "set GREETING in the environment"),
    }
`,
    },
    {
      name: "Start and snapshot",
      functionName: "remember",
      event: {},
      code: `import uuid

import firelet

# What is out here runs once, when the code is loaded. VMs are clones of that moment.
instance = str(uuid.uuid4())
calls = 0


# Each clone gets what clones must not share: an id, a connection, a token.
@firelet.after_restore
def restored():
    global instance
    instance = str(uuid.uuid4())


@firelet.before_snapshot
def snapshot():
    print("A snapshot is about to be taken: connections can be closed here")


def handler(event, context):
    global calls
    calls += 1
    return {"instance": instance, "calls": calls}
`,
    },
  ],
};

/** Those for a runtime, the simplest first; the one that it brings itself is among them. */
export function templatesOf(runtime: string, own?: string): readonly Template[] {
  const language = languageNameOf(runtime);
  const [first, ...others] = language === null ? [] : templates[language];
  const echo = { name: "Echo", functionName: "echo", event: { name: "World" } };
  return [
    ...(first === undefined ? [] : [first]),
    ...(own === undefined ? [] : [{ ...echo, code: own }]),
    ...others,
  ];
}
