import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decode, encode, type Packet } from "dns-packet";
import * as fc from "fast-check";
import { opt } from "../../../test/support/name-server-setup.ts";
import { a, replyTo } from "../../../test/support/stand-in-name-server.ts";
import { rcodes, readQuery, readReply, udpLimit, writeAnswer, writeRequest } from "./message.ts";

const question = { name: "api.example.com", type: "A" } as const;
const ask = (packet: Packet = {}) => encode({ id: 7, questions: [{ ...question }], ...packet });

/** A query as bytes, with its name as labels. */
function askLabels(...labels: string[]): Buffer {
  const name = labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...name, Buffer.from([0, 0, 1, 0, 1])]);
}

function faultOf(bytes: Buffer): number | null | undefined {
  return readQuery(bytes)?.fault;
}

describe("readQuery", () => {
  it("reads one question of the Internet as it is written", () => {
    const query = readQuery(
      ask({ flags: 0x100, questions: [{ type: "A", name: "API.example.com" }] }),
    );
    assert.deepEqual(query, {
      id: 7,
      opcode: 0,
      recursionDesired: true,
      question: { name: "API.example.com", type: "A" },
      edns: null,
      fault: null,
    });
    assert.deepEqual(readQuery(askLabels("api", "example", "com"))?.question, question);
    assert.equal(readQuery(askLabels())?.question?.name, ".");
  });

  it("reads what the client says of itself", () => {
    const query = readQuery(ask({ additionals: [opt(1_400, { flags: 0x8000 })] }));
    assert.deepEqual(query?.edns, { udpSize: 1_400, dnssecOk: true });
  });

  it("answers no answers, and nothing without a header", () => {
    assert.equal(readQuery(ask({ type: "response" })), undefined);
    assert.equal(readQuery(Buffer.alloc(11)), undefined);
  });

  it("says what is wrong with others", () => {
    const twice = [question, question].map((one) => ({ ...one }));
    assert.equal(faultOf(ask({ questions: twice })), rcodes.formErr);
    assert.equal(faultOf(ask({ questions: [] })), rcodes.formErr);
    assert.equal(faultOf(ask().subarray(0, 20)), rcodes.formErr);
    assert.equal(faultOf(ask({ additionals: [opt(512), opt(512)] })), rcodes.formErr);
    assert.equal(faultOf(ask({ additionals: [opt(512, { ednsVersion: 1 })] })), rcodes.badVers);
    assert.equal(faultOf(ask({ questions: [{ ...question, class: "CH" }] })), rcodes.notImp);
    const [update, notify] = [5, 4].map((opcode) => ask({ flags: opcode << 11 }));
    assert.equal(faultOf(update ?? ask()), rcodes.notImp);
    assert.equal(faultOf(notify ?? ask()), rcodes.notImp);
  });

  it("takes no name that reads like another, or that nobody could show", () => {
    assert.equal(faultOf(askLabels("api.example.com")), rcodes.formErr);
    assert.equal(faultOf(askLabels("api", "example.com")), rcodes.formErr);
    assert.equal(faultOf(askLabels("a.", "com")), rcodes.formErr);
    assert.equal(faultOf(askLabels("\u001b[2J", "com")), rcodes.formErr);
    assert.equal(faultOf(askLabels("a b", "com")), rcodes.formErr);
    const kelvin = askLabels("aaa", "com");
    Buffer.from("\u212a").copy(kelvin, 13);
    assert.equal(faultOf(kelvin), rcodes.formErr);
  });

  it("never throws, whatever it is given, and what it reads can be answered", () => {
    const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    const broken = fc.tuple(fc.nat(60), fc.nat(255)).map(([at, value]) => {
      const bytes = ask({ additionals: [opt(512, { options: [{ code: 8, ip: "1.2.3.4" }] })] });
      bytes[at % bytes.length] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(noise, broken), (bytes) => {
        const query = readQuery(bytes);
        if (query !== undefined) decode(writeAnswer(query, { rcode: query.fault ?? 0 }, 512));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Addresses of the name that is asked. */
const records = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ...question, ttl: 5, data: `192.0.2.${n}` }));

describe("writeAnswer", () => {
  const query = readQuery(ask({ additionals: [opt(1_400)] }));
  const plain = readQuery(ask());
  assert.ok(query && plain);
  it("keeps to what the client takes by UDP", () => {
    assert.equal(udpLimit(plain), 512);
    assert.equal(udpLimit({ ...plain, edns: { udpSize: 100, dnssecOk: false } }), 512);
    assert.equal(udpLimit({ ...plain, edns: { udpSize: 900, dnssecOk: false } }), 900);
    assert.equal(udpLimit(query), 1_232);
  });

  it("speaks EDNS with those that do", () => {
    assert.deepEqual(decode(writeAnswer(plain, { rcode: 0 }, 512)).additionals, []);
    const { additionals } = decode(writeAnswer(query, { rcode: 16 }, 512));
    assert.partialDeepStrictEqual(additionals, [{ type: "OPT", extendedRcode: 1 }]);
  });

  it("leaves out what the client can do without before it leaves out all", () => {
    const answers = records(10);
    const more = { authorities: records(3), additionals: records(3) };
    const sections = (maxBytes: number) => {
      const bytes = writeAnswer(plain, { rcode: 0, answers, ...more }, maxBytes);
      assert.ok(bytes.length <= maxBytes);
      const packet = decode(bytes);
      return [packet.answers, packet.authorities, packet.additionals]
        .map((section) => section?.length)
        .concat(Number(packet.flag_tc));
    };
    assert.deepEqual(sections(1_232), [10, 3, 3, 0]);
    assert.deepEqual(sections(500), [10, 3, 0, 0]);
    assert.deepEqual(sections(350), [10, 0, 0, 0]);
    assert.deepEqual(sections(300), [0, 0, 0, 1]);
  });

  it("fails where an answer does not even go by TCP", () => {
    const packet = decode(writeAnswer(plain, { rcode: 0, answers: records(4_000) }, 65_535));
    assert.equal((packet.flags ?? 0) & 15, rcodes.servFail);
    assert.equal(packet.flag_tc, false);
  });
});

describe("readReply", () => {
  const request = writeRequest(7, question, true);
  const asked = decode(request.bytes);
  const answers = [a(question.name, "192.0.2.1")];

  it("takes the reply to the request, in whichever case", () => {
    const reply = readReply(replyTo(asked, { answers }), request);
    assert.ok(reply !== undefined && reply !== "cut");
    assert.partialDeepStrictEqual(reply.answers, [{ data: "192.0.2.1", ttl: 60 }]);
    const upper = [{ ...question, name: "API.EXAMPLE.COM" }];
    assert.ok(readReply(replyTo({ ...asked, questions: upper }, { answers }), request));
  });

  it("takes no other", () => {
    const other = (parts: Packet) =>
      readReply(replyTo({ ...asked, ...parts }, { answers }), request);
    assert.equal(other({ id: 8 }), undefined);
    assert.equal(other({ questions: [{ ...question, name: "example.com" }] }), undefined);
    assert.equal(other({ questions: [{ ...question, type: "TXT" }] }), undefined);
    assert.equal(other({ questions: [] }), undefined);
    assert.equal(readReply(request.bytes, request), undefined);
    assert.equal(readReply(Buffer.alloc(3), request), undefined);
    assert.equal(readReply(replyTo(asked, { answers }).subarray(0, 40), request), undefined);
  });

  it("sees that one is cut, also within a record", () => {
    const cut = replyTo(asked, { answers, flags: 0x200 });
    assert.equal(readReply(cut.subarray(0, 40), request), "cut");
  });

  it("refuses one whose names could not be written again", () => {
    const bytes = replyTo(asked, { answers: [a("aaaa.example.com", "192.0.2.1")] });
    const at = bytes.indexOf("aaaa");
    bytes.write("a..a", at);
    assert.throws(() => readReply(bytes, request), /cannot be written/);
  });
});
