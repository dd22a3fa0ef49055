import { rcodes } from "./message.ts";
import type { Question, Reply, ResourceRecord } from "./message.ts";

interface Entry {
  readonly reply: Reply;
  readonly storedMs: number;
  readonly lifeSeconds: number;
}

const maxEntries = 1_000;
/** What is larger is asked for again, so that no guest can fill the host's memory with answers. */
const maxEntryBytes = 4_096;
const minLifeSeconds = 1;
const maxLifeSeconds = 300;
/** How long it is believed that there is nothing: whoever adds a record wants it seen soon. */
const maxNothingSeconds = 60;

/** Replies of name servers, for as long as they say; the longest unused go first when it is full. */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A reply that still holds, with the time that is left in its records. */
  get(question: Question): Reply | undefined {
    const key = keyOf(question);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const ageSeconds = (this.#monotonicMs() - entry.storedMs) / 1_000;
    if (ageSeconds >= entry.lifeSeconds) return undefined;
    this.#entries.set(key, entry);
    return aged(entry.reply, Math.floor(ageSeconds));
  }

  put(question: Question, reply: Reply): void {
    const lifeSeconds = lifeOf(question, reply);
    if (lifeSeconds === 0 || reply.sizeBytes > maxEntryBytes) return;
    const key = keyOf(question);
    this.#entries.delete(key);
    this.#entries.set(key, { reply, storedMs: this.#monotonicMs(), lifeSeconds });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Two questions with the same key have the same answer. */
export function keyOf({ name, type }: Question): string {
  return `${type} ${name}`;
}

/** How long a reply may be kept, in seconds; 0 where it may not. */
function lifeOf({ type }: Question, { rcode, answers, authorities }: Reply): number {
  const shortest = Math.min(...answers.map(({ ttl }) => ttl));
  const isNothing = rcode === rcodes.nxDomain || !answers.some((record) => record.type === type);
  if (!isNothing) return Math.min(Math.max(shortest, minLifeSeconds), maxLifeSeconds);
  const soa = authorities.find((record) => record.type === "SOA");
  // Without it nothing says how long there will be nothing (RFC 2308, section 5).
  if (soa === undefined) return 0;
  const { minimum = 0 } = soa.data as { minimum?: number };
  return Math.max(Math.min(shortest, soa.ttl, minimum, maxNothingSeconds), minLifeSeconds);
}

function aged(reply: Reply, seconds: number): Reply {
  const age = (records: readonly ResourceRecord[]) =>
    records.map((record) => ({ ...record, ttl: Math.max(record.ttl - seconds, 0) }));
  return {
    ...reply,
    answers: age(reply.answers),
    authorities: age(reply.authorities),
    additionals: age(reply.additionals),
  };
}
