import { isDeepStrictEqual } from "node:util";
import { decode, DNSSEC_OK, encode } from "dns-packet";
import { maxFrameBytes } from "./framing.ts";
import type { Answer as PackedRecord, DecodedPacket, OptAnswer, Packet } from "dns-packet";

/** What there is to be known of a name. Types without a name of their own are `UNKNOWN_65`. */
export interface Question {
  readonly name: string;
  readonly type: string;
}

export interface ResourceRecord {
  readonly name: string;
  readonly type: string;
  /** In seconds. */
  readonly ttl: number;
  readonly data: unknown;
}

/** How a query was dealt with (RFC 1035, section 4.1.1). */
export const rcodes = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, badVers: 16 };

/** Why an answer is what it is, for whoever looks at it with dig (RFC 8914). */
export interface ExtendedError {
  readonly code: number;
  readonly text: string;
}

export interface Answer {
  readonly rcode: number;
  readonly answers?: readonly ResourceRecord[];
  readonly authorities?: readonly ResourceRecord[];
  /** Without OPT, which is between two neighbours only. */
  readonly additionals?: readonly ResourceRecord[];
  readonly extendedError?: ExtendedError;
}

export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** As it was written; null where there is none, or none that can be answered. */
  readonly question: Question | null;
  /** Null where the client does not speak EDNS (RFC 6891). */
  readonly edns: { readonly udpSize: number; readonly dnssecOk: boolean } | null;
  /** The code to answer with, where the query cannot be dealt with. */
  readonly fault: number | null;
}

/** The largest answer by UDP that no network on the way should have to cut in pieces. */
const maxUdpBytes = 1232;
/** What a client takes that says nothing else, and what every client takes. */
const plainUdpBytes = 512;
const headerBytes = 12;
const flags = { response: 0x8000, truncated: 0x200, recursionDesired: 0x100, recursion: 0x80 };
const extendedErrorOption = 15;

/**
 * The longest query that is read: a name has 255 bytes, and what else a query may have is short. A
 * packet that is longer could keep the manager busy before anything is known of it.
 */
const longestQuery = 512;

/** Undefined for what is no query and so is not answered. Never throws. */
export function readQuery(bytes: Buffer): Query | undefined {
  if (bytes.length < headerBytes) return undefined;
  const bits = bytes.readUInt16BE(2);
  // An answer to an answer would come back.
  if ((bits & flags.response) !== 0) return undefined;
  const head = {
    id: bytes.readUInt16BE(0),
    opcode: (bits >> 11) & 15,
    recursionDesired: (bits & flags.recursionDesired) !== 0,
    question: null,
    edns: null,
  };
  if (head.opcode !== 0) return { ...head, fault: rcodes.notImp };
  try {
    if (isOneQuestion(bytes)) return { ...head, ...readBody(bytes) };
  } catch {
    // Not to be read: a guest may send what it wants to.
  }
  return { ...head, fault: rcodes.formErr };
}

/** One question, no records, and of those beside them EDNS's own at most. */
function isOneQuestion(bytes: Buffer): boolean {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) =>
    bytes.readUInt16BE(at),
  );
  const records = (answers ?? 0) + (authorities ?? 0);
  return (
    bytes.length <= longestQuery && questions === 1 && records === 0 && (additionals ?? 0) <= 1
  );
}

function readBody(bytes: Buffer): Pick<Query, "question" | "edns" | "fault"> {
  const packet = decode(bytes);
  const [asked] = packet.questions ?? [];
  const [opt, ...moreOpts] = packet.additionals?.filter(isOpt) ?? [];
  const edns = opt && { udpSize: opt.udpPayloadSize, dnssecOk: (opt.flags & DNSSEC_OK) !== 0 };
  if (asked === undefined || moreOpts.length > 0 || !isWritable(asked, bytes)) {
    return { question: null, edns: null, fault: rcodes.formErr };
  }
  const isInternet = asked.class === "IN";
  const version = opt?.ednsVersion ?? 0;
  return {
    question: isInternet ? { name: asked.name, type: asked.type } : null,
    edns: edns ?? null,
    fault: version > 0 ? rcodes.badVers : isInternet ? null : rcodes.notImp,
  };
}

/**
 * Whether a question is written with the bytes that it was read from. It is not where a label has
 * a dot in it, which would read like two: the guest would ask for one name, and we look at another.
 * Control characters and what is not ASCII are left out too, since operators get to see names.
 */
function isWritable(question: NonNullable<Packet["questions"]>[number], bytes: Buffer): boolean {
  if (!/^[!-~]+$/.test(question.name)) return false;
  const written = encode({ questions: [question] }).subarray(headerBytes);
  return written.equals(bytes.subarray(headerBytes, headerBytes + written.length));
}

function isOpt(record: PackedRecord): record is OptAnswer {
  return record.type === "OPT";
}

/**
 * The bytes that answer a query, `maxBytes` at most. What does not fit is left out: first what the
 * client can do without, then all, with a bit that tells it to ask again by TCP.
 */
export function writeAnswer(query: Query, answer: Answer, maxBytes: number): Buffer {
  const { rcode, answers = [], extendedError } = answer;
  const attempts: (() => Buffer)[] = [
    () => write(query, answer),
    () => write(query, { ...answer, additionals: [] }),
    () => write(query, { rcode, answers, ...(extendedError && { extendedError }) }),
  ];
  for (const attempt of attempts) {
    const bytes = attempt();
    if (bytes.length <= maxBytes) return bytes;
  }
  // By TCP, where this is not true, it is better to fail than to be asked again for ever.
  return maxBytes === maxFrameBytes
    ? write(query, { rcode: rcodes.servFail })
    : write(query, { rcode }, flags.truncated);
}

/** The largest answer that a client takes by UDP. */
export function udpLimit(query: Query): number {
  return Math.min(Math.max(query.edns?.udpSize ?? 0, plainUdpBytes), maxUdpBytes);
}

function write(query: Query, answer: Answer, moreFlags = 0): Buffer {
  const { answers = [], authorities = [], additionals = [] } = answer;
  const opt = query.edns === null ? [] : [optOf(answer, query.edns.dnssecOk)];
  return encode({
    type: "response",
    id: query.id,
    flags:
      (query.opcode << 11) |
      (query.recursionDesired ? flags.recursionDesired : 0) |
      flags.recursion |
      moreFlags |
      (answer.rcode & 15),
    questions: query.question === null ? [] : pack([query.question]),
    answers: pack(answers),
    authorities: pack(authorities),
    additionals: [...pack<PackedRecord>(additionals), ...opt],
  });
}

function optOf({ rcode, extendedError }: Answer, dnssecOk: boolean): PackedRecord {
  const option = extendedError && {
    code: extendedErrorOption,
    data: Buffer.concat([Buffer.of(0, extendedError.code), Buffer.from(extendedError.text)]),
  };
  return {
    ...bareOpt,
    extendedRcode: rcode >> 4,
    flags: dnssecOk ? DNSSEC_OK : 0,
    // The library's types have only some of the codes that it writes.
    options: (option === undefined ? [] : [option]) as unknown as OptAnswer["options"],
  };
}

const bareOpt: OptAnswer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: maxUdpBytes,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** Our words for questions and records are the library's, but that it lists the types there are. */
function pack<Packed>(items: readonly (Question | ResourceRecord)[]): Packed[] {
  return items.map((item) => ({ ...item })) as Packed[];
}

/** A query to a name server that looks for us, and what its reply has to have. */
export interface Request {
  readonly id: number;
  readonly question: Question;
  readonly bytes: Buffer;
}

export function writeRequest(id: number, question: Question, withEdns: boolean): Request {
  const bytes = encode({
    type: "query",
    id,
    flags: flags.recursionDesired,
    questions: pack([question]),
    additionals: withEdns ? [bareOpt] : [],
  });
  return { id, question, bytes };
}

/** What a name server replied: `cut` stands for one that has to be asked by TCP. */
export type Reply = Required<Omit<Answer, "extendedError">> & { readonly sizeBytes: number };

/**
 * Reads the reply to a request; undefined where the bytes are none. Throws where it is one that
 * could not be passed on as it is. Takes the bytes for its own.
 */
export function readReply(bytes: Buffer, request: Request): Reply | "cut" | undefined {
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== request.id) return undefined;
  const bits = bytes.readUInt16BE(2);
  if ((bits & flags.response) === 0 || bytes.readUInt16BE(4) !== 1) return undefined;
  const isCut = (bits & flags.truncated) !== 0;
  // It may end within a record.
  if (isCut) bytes.fill(0, 6, headerBytes);
  const packet = decodeOrNot(bytes);
  if (packet === undefined || !asks(packet, request.question)) return undefined;
  return isCut ? "cut" : toReply(packet, bits & 15, bytes.length);
}

function decodeOrNot(bytes: Buffer): DecodedPacket | undefined {
  try {
    return decode(bytes);
  } catch {
    // Whoever guesses at replies sends this too: the true one may still come.
    return undefined;
  }
}

function asks({ questions = [] }: Packet, { name, type }: Question): boolean {
  const [question] = questions;
  return (
    question?.name.toLowerCase() === name.toLowerCase() &&
    question.type === type &&
    question.class === "IN"
  );
}

function toReply(packet: DecodedPacket, lowRcode: number, sizeBytes: number): Reply {
  const extendedRcode = packet.additionals?.find(isOpt)?.extendedRcode ?? 0;
  const additionals = packet.additionals?.filter((record) => !isOpt(record)) ?? [];
  const plain = { ...packet, additionals };
  // Names can hold what the library does not write the way it was: no guest should get that.
  if (!isDeepStrictEqual({ ...decode(encode(plain)) }, plain)) {
    throw new Error("The reply has names or records that cannot be written");
  }
  return {
    rcode: lowRcode | (extendedRcode << 4),
    answers: packet.answers as ResourceRecord[],
    authorities: packet.authorities as ResourceRecord[],
    additionals: additionals as ResourceRecord[],
    sizeBytes,
  };
}
