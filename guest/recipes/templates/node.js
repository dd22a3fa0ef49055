// Returns what it is sent. Deploy it, then invoke it with {"event": {"name": "World"}}.
async function handler(event, context) {
  console.log(`Invocation ${context.requestId}`);
  return { message: `Hello, ${event.name ?? "World"}!`, input: event };
}
