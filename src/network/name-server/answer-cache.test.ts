import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerCache } from "./answer-cache.ts";
import { rcodes, type Reply, type ResourceRecord } from "./message.ts";

const question = { name: "api.example.com", type: "A" };
const address = (ttl: number): ResourceRecord => ({
  name: question.name,
  type: "A",
  ttl,
  data: "192.0.2.1",
});
const nth = (n: number) => ({ name: `n${n}.example.com`, type: "A" });
const soa = (ttl: number, minimum: number): ResourceRecord => ({
  name: "example.com",
  type: "SOA",
  ttl,
  data: { mname: "ns.example.com", rname: "admin.example.com", minimum },
});
const reply = (parts: Partial<Reply>): Reply => ({
  rcode: rcodes.noError,
  answers: [],
  authorities: [],
  additionals: [],
  sizeBytes: 100,
  ...parts,
});

/** How many whole seconds a reply is kept. */
function lifeOf(kept: Reply): number {
  let nowMs = 0;
  const cache = new AnswerCache(() => nowMs);
  cache.put(question, kept);
  while (cache.get(question) !== undefined) nowMs += 1_000;
  return nowMs / 1_000;
}

describe("AnswerCache", () => {
  it("counts down what records have left, and forgets them when nothing is left of one", () => {
    let nowMs = 5_000;
    const cache = new AnswerCache(() => nowMs);
    cache.put(question, reply({ answers: [address(30), address(100)] }));
    nowMs += 12_900;
    assert.deepEqual(
      cache.get(question)?.answers.map(({ ttl }) => ttl),
      [18, 88],
    );
    nowMs += 17_000;
    assert.deepEqual(
      cache.get(question)?.answers.map(({ ttl }) => ttl),
      [1, 71],
    );
    nowMs += 100;
    assert.equal(cache.get(question), undefined);
    assert.equal(cache.size, 0);
  });

  it("keeps answers from one second to five minutes", () => {
    assert.equal(lifeOf(reply({ answers: [address(0)] })), 1);
    assert.equal(lifeOf(reply({ answers: [address(77), address(80)] })), 77);
    assert.equal(lifeOf(reply({ answers: [address(86_400)] })), 300);
  });

  it("keeps that there is nothing for as long as the zone says, at most a minute", () => {
    const nothing = { rcode: rcodes.nxDomain };
    assert.equal(lifeOf(reply({ ...nothing, authorities: [soa(600, 20)] })), 20);
    assert.equal(lifeOf(reply({ ...nothing, authorities: [soa(10, 20)] })), 10);
    assert.equal(lifeOf(reply({ ...nothing, authorities: [soa(86_400, 86_400)] })), 60);
    assert.equal(lifeOf(reply({ authorities: [soa(600, 20)] })), 20);
    assert.equal(lifeOf(reply(nothing)), 0);
    const alias = { ...address(5), type: "CNAME", data: "b.example.com" };
    assert.equal(lifeOf(reply({ answers: [alias], authorities: [soa(600, 20)] })), 5);
    assert.equal(lifeOf(reply({ answers: [alias] })), 0);
  });

  it("tells names and types apart", () => {
    const cache = new AnswerCache(() => 0);
    cache.put(question, reply({ answers: [address(30)] }));
    assert.equal(cache.get({ ...question, type: "TXT" }), undefined);
    assert.equal(cache.get({ ...question, name: "www.example.com" }), undefined);
  });

  it("holds a thousand, and lets go of the longest unused", () => {
    const cache = new AnswerCache(() => 0);
    for (let n = 0; n < 1_000; n += 1) cache.put(nth(n), reply({ answers: [address(30)] }));
    assert.ok(cache.get(nth(0)), "used again");
    cache.put(nth(1_000), reply({ answers: [address(30)] }));
    assert.equal(cache.size, 1_000);
    assert.ok(cache.get(nth(0)));
    assert.equal(cache.get(nth(1)), undefined);
  });

  it("keeps no large answers", () => {
    assert.equal(lifeOf(reply({ answers: [address(30)], sizeBytes: 4_097 })), 0);
  });
});
