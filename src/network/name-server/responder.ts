import { messageOf } from "../../core/errors.ts";
import { SharedTasks } from "../../lib/shared-tasks.ts";
import type { Log } from "../../ports/log.ts";
import { AnswerCache, keyOf } from "./answer-cache.ts";
import { ClientLoads, ClientRates } from "./client-loads.ts";
import { maxFrameBytes } from "./framing.ts";
import { rcodes, readQuery, udpLimit, writeAnswer } from "./message.ts";
import type { Answer, Question, Reply } from "./message.ts";
import type { Upstream } from "./upstream.ts";

/** A VM that asks, and what its policy says. Names are lower-case and without a final dot. */
export interface NameClient {
  mayLookUp(name: string): boolean;
  /**
   * Lets the VM connect to the addresses that a name turned out to have. The answer leaves when
   * this resolves, and says that it failed where this rejects. Never called without addresses.
   */
  admit(
    name: string,
    addresses: readonly { readonly address: string; readonly ttlSeconds: number }[],
  ): Promise<void>;
  /** Hears of each query for a name that it may not look up. */
  refused(name: string): void;
}

export interface ResponderOptions {
  readonly upstream: Upstream;
  /** The VM behind an address; undefined where there is none. */
  readonly clientOf: (sourceAddress: string) => NameClient | undefined;
  readonly log: Log;
  /** Ends every query under way. */
  readonly signal: AbortSignal;
}

/** Queries that one VM may have looked up at once. */
const maxQueriesPerClient = 64;
/**
 * Queries of one VM that are read: more would take the manager's time from invocations. What
 * slot-rules.ts lets through at once comes by UDP; TCP is counted here alone.
 */
const maxQueriesPerSecond = 200;
/** Addresses of one name that are answered, and so opened. */
const maxAddresses = 32;
/** IPv6 is closed to guests; SVCB and HTTPS carry hints of addresses that nothing would admit. */
const emptyTypes = new Set(["AAAA", "UNKNOWN_64", "UNKNOWN_65"]);
/** No types of records but of questions (RFC 6895, section 3.1), and a part of the protocol. */
const notTypes = new Set("ANY AXFR IXFR TKEY TSIG OPT UNKNOWN_253 UNKNOWN_254".split(" "));

const refusal: Answer = {
  rcode: rcodes.nxDomain,
  extendedError: { code: 18, text: "The egress policy does not allow it" },
};

/** Turns queries of guests into answers: says no at once, and asks for what may be looked up. */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #cache = new AnswerCache(() => performance.now());
  readonly #lookups = new SharedTasks<Reply>();
  readonly #loads = new ClientLoads(maxQueriesPerClient);
  readonly #rates = new ClientRates(maxQueriesPerSecond, () => performance.now());

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** The bytes to answer with; undefined where nothing is to be answered. Never rejects. */
  async respond(
    bytes: Buffer,
    sourceAddress: string,
    transport: "udp" | "tcp",
  ): Promise<Buffer | undefined> {
    try {
      const client = this.#options.clientOf(sourceAddress);
      if (client === undefined || !this.#rates.allows(sourceAddress)) return undefined;
      const query = readQuery(bytes);
      if (query === undefined) return undefined;
      const maxBytes = transport === "udp" ? udpLimit(query) : maxFrameBytes;
      if (query.fault !== null || query.question === null) {
        return writeAnswer(query, { rcode: query.fault ?? rcodes.formErr }, maxBytes);
      }
      const question = toAsk(query.question);
      const atOnce = answerAtOnce(question, client);
      if (atOnce !== undefined) return writeAnswer(query, atOnce, maxBytes);
      using place = this.#loads.enter(sourceAddress);
      // By UDP, a client that asks too much asks again by itself.
      if (place === null && transport === "udp") return undefined;
      const answer = place === null ? undefined : await this.#find(question, client);
      return writeAnswer(query, answer ?? { rcode: rcodes.servFail }, maxBytes);
    } catch (error) {
      this.#options.log.debug(
        { sourceAddress, error: messageOf(error) },
        "Cannot answer a query for a name",
      );
      return undefined;
    }
  }

  /** Resolves when nothing is asked any more, after the signal aborted. */
  async settled(): Promise<void> {
    await this.#lookups.settled();
  }

  /** Undefined where there is no reply, or its addresses are not admitted. */
  async #find(question: Question, client: NameClient): Promise<Reply | undefined> {
    const name = policyName(question);
    try {
      const reply = withFewAddresses(await this.#lookUp(question));
      const addresses = question.type === "A" ? addressesOf(reply) : [];
      if (addresses.length > 0) await client.admit(name, addresses);
      return reply;
    } catch (error) {
      this.#options.log.debug({ name, error: messageOf(error) }, "Cannot look up a name for a VM");
      return undefined;
    }
  }

  /** Those who ask the same at the same time share one lookup. */
  async #lookUp(question: Question): Promise<Reply> {
    const { upstream, signal } = this.#options;
    const known = this.#cache.get(question);
    if (known !== undefined) return known;
    return await this.#lookups.run(keyOf(question), signal, async (nobody) => {
      const reply = await upstream.ask(question, nobody);
      this.#cache.put(question, reply);
      return reply;
    });
  }
}

/** Undefined where the answer has to be looked up. */
function answerAtOnce(question: Question, client: NameClient): Answer | undefined {
  const name = policyName(question);
  if (!client.mayLookUp(name)) {
    client.refused(name);
    return refusal;
  }
  if (notTypes.has(question.type)) return { rcode: rcodes.notImp };
  return emptyTypes.has(question.type) ? { rcode: rcodes.noError } : undefined;
}

/** Case makes no difference to what a name has, so it is left out of what is asked and kept. */
function toAsk({ name, type }: Question): Question {
  return { name: name.toLowerCase(), type };
}

/** The root, which is written as a dot, is the empty name. */
function policyName({ name }: Question): string {
  return name === "." ? "" : name;
}

function withFewAddresses(reply: Reply): Reply {
  let left = maxAddresses;
  const answers = reply.answers.filter(({ type }) => type !== "A" || (left -= 1) >= 0);
  return answers.length === reply.answers.length ? reply : { ...reply, answers };
}

/** All of them, since a name that is another's alias has that one's addresses. */
function addressesOf({ answers }: Reply): { address: string; ttlSeconds: number }[] {
  return answers.flatMap(({ type, data, ttl }) =>
    type === "A" ? [{ address: data as string, ttlSeconds: ttl }] : [],
  );
}
