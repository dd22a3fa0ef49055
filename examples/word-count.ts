// Counts words, in TypeScript: types are stripped, nothing has to be compiled. Deploy and invoke it:
//   firelet deploy examples/word-count.ts
//   firelet functions invoke word-count --event '{"text": "to be or not to be"}'

interface Event {
  text?: string;
}

interface Context {
  requestId: string;
  getRemainingTimeInMillis(): number;
}

export async function handler(event: Event, context: Context): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of (event.text ?? "").toLowerCase().match(/\p{L}+/gu) ?? []) {
    counts[word] = (counts[word] ?? 0) + 1;
  }
  console.log(`${context.requestId}: ${context.getRemainingTimeInMillis()} ms were left`);
  return counts;
}
