/** A function to begin with. */
export interface Template {
  readonly name: string;
  /** What the function is called unless its author wants another name. */
  readonly functionName: string;
  readonly code: string;
  /** An event to try it with. */
  readonly event: unknown;
}

/** By the language of the runtime. */
const templates: Readonly<Record<"node" | "python", readonly Template[]>> = {
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
  ],
};

/** Those for a runtime, the simplest first. */
export function templatesOf(runtime: string): readonly Template[] {
  return templates[runtime.startsWith("python") ? "python" : "node"];
}
