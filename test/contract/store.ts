import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { wantedRevision } from "../../src/core/function.ts";
import type { InvocationRecord } from "../../src/core/invocation.ts";
import type { Store } from "../../src/ports/store.ts";
import { functionRecord, invocationRecord, noon } from "../support/records.ts";

/** A kind of store, on data of its own that outlives `close`. */
export interface StoreSubject {
  readonly label: string;
  /** Makes an empty place for a store, opens it as often as asked, and removes it at the end. */
  prepare(): Promise<{ open(): Promise<Store>; remove(): Promise<void> }>;
}

const day = 86_400_000;

/** What every store promises, whatever it is made of. */
export function storeSuite(subject: StoreSubject): void {
  describe(`${subject.label} store`, () => {
    let place: Awaited<ReturnType<StoreSubject["prepare"]>>;
    let store: Store;

    beforeEach(async () => {
      place = await subject.prepare();
      store = await place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const reopen = async () => {
      await store.close();
      store = await place.open();
    };

    it("gives back a function as it was inserted, after it was opened again", async () => {
      const record = functionRecord({ env: { A: "1", B: 'quote "' }, lastError: "why" });
      await store.functions.insert(record);
      await reopen();
      assert.deepEqual(await store.functions.list(), [record]);
    });

    it("keeps a function's egress policy, of whatever form, and takes a new one", async () => {
      const record = functionRecord({ egress: ["api.example.com:443", "203.0.113.0/24"] });
      await store.functions.insert(record);
      await reopen();
      assert.deepEqual((await store.functions.list())[0]?.egress, record.egress);
      for (const egress of ["none", [], "internet"] as const) {
        await store.functions.update({ ...record, egress });
        assert.deepEqual((await store.functions.list())[0]?.egress, egress);
      }
    });

    it("keeps the deployed revision beside a newer one, however many come after", async () => {
      const first = functionRecord({ code: "one" });
      const deployed = wantedRevision(first);
      await store.functions.insert({ ...first, deployed });
      for (let next = 2; next <= 25; next += 1) {
        await store.functions.update({ ...first, deployed, revision: next, code: `code ${next}` });
      }
      await reopen();
      const [found] = await store.functions.list();
      assert.equal(found?.code, "code 25");
      assert.deepEqual(found?.deployed, deployed);
    });

    it("lists revisions newest first, with what became of each", async () => {
      const first = functionRecord({ code: "one", env: { A: "1" } });
      await store.functions.insert(first);
      const served = { ...first, deployed: wantedRevision(first), updatedAt: at(1) };
      await store.functions.update(served);
      const second = { ...served, revision: 2, code: "two", memoryMib: 512, updatedAt: at(2) };
      await store.functions.update(second);
      await store.functions.update({ ...second, lastError: "why", updatedAt: at(3) });
      const third = { ...second, revision: 3, handler: "third", updatedAt: at(4) };
      await store.functions.update(third);
      const deployed = wantedRevision(third);
      await store.functions.update({ ...third, deployed, updatedAt: at(5) });
      await store.functions.update({ ...third, deployed, timeoutMs: 1, updatedAt: at(6) });
      await store.functions.insert(functionRecord({ id: "other", name: "other" }));
      await reopen();
      const never = { deployed: false, wanted: false, deployedAt: null, error: null };
      assert.deepEqual(await store.functions.listRevisions(first.id), [
        {
          ...wantedRevision(third),
          deployed: true,
          wanted: true,
          createdAt: at(4),
          deployedAt: at(5),
          error: null,
        },
        { ...wantedRevision(second), ...never, createdAt: at(2), error: "why" },
        { ...wantedRevision(first), ...never, createdAt: noon, deployedAt: at(1) },
      ]);
    });

    it("clears the error of a revision that was deployed after all", async () => {
      const record = functionRecord();
      await store.functions.insert(record);
      await store.functions.update({ ...record, lastError: "no VM" });
      await store.functions.update({ ...record, deployed: wantedRevision(record) });
      const [revision] = await store.functions.listRevisions(record.id);
      assert.deepEqual([revision?.error, revision?.deployed], [null, true]);
    });

    it("keeps ten revisions, and the deployed one where it is older", async () => {
      const first = functionRecord();
      await store.functions.insert({ ...first, deployed: wantedRevision(first) });
      const numbers = async () =>
        (await store.functions.listRevisions(first.id)).map(({ revision }) => revision);
      let newest = first;
      for (let revision = 2; revision <= 12; revision += 1) {
        newest = { ...first, revision, deployed: wantedRevision(first) };
        await store.functions.update(newest);
      }
      assert.deepEqual(await numbers(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 1]);
      await store.functions.update({ ...newest, deployed: wantedRevision(newest) });
      assert.deepEqual(await numbers(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    });

    it("refuses a taken name on insert and on update, and changes nothing", async () => {
      await store.functions.insert(functionRecord({ id: "a", name: "first" }));
      await store.functions.insert(functionRecord({ id: "b", name: "second" }));
      const taken = { code: "name_taken", message: /"first" is taken by function a/ };
      await assert.rejects(
        store.functions.insert(functionRecord({ id: "c", name: "first" })),
        taken,
      );
      await assert.rejects(
        store.functions.update(functionRecord({ id: "b", name: "first", revision: 2 })),
        taken,
      );
      const names = (await store.functions.list()).map(({ name }) => name);
      assert.deepEqual(names.toSorted(), ["first", "second"]);
    });

    it("rejects an update of a function that is gone", async () => {
      await assert.rejects(store.functions.update(functionRecord()), {
        code: "function_not_found",
      });
    });

    it("deletes a function with its revisions and its history, and again without complaint", async () => {
      const record = functionRecord({ id: "a" });
      await store.functions.insert(record);
      await store.invocations.insertBatch([invocationRecord({ functionId: "a" })]);
      await store.functions.delete("a");
      await store.functions.delete("a");
      await store.invocations.prune({ maxAgeMs: day, maxRecords: 10 }, noon, 100);
      assert.deepEqual(await store.functions.list(), []);
      assert.deepEqual(await store.functions.listRevisions("a"), []);
      assert.equal((await query(store, "a")).total, 0);
      // A function of the same id would find them, were they left.
      await store.functions.insert({ ...record, revision: 2 });
      const left = await store.functions.listRevisions("a");
      assert.deepEqual(
        left.map(({ revision }) => revision),
        [2],
      );
    });

    it("gives back an invocation as it was written", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      const record = invocationRecord({
        functionId: "a",
        status: "error",
        error: "boom",
        errorType: "TypeError",
        stack: "TypeError: boom\n    at handler (handler.js:2:9)",
        logs: ["one", "two"],
        response: null,
        coldStart: true,
        durationMs: 1.25,
      });
      await store.invocations.insertBatch([record]);
      await reopen();
      assert.deepEqual(await query(store, "a"), { items: [record], total: 1 });
    });

    it("remembers when a function was last invoked", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      const later = new Date(noon.getTime() + 5);
      await store.invocations.insertBatch([
        invocationRecord({ functionId: "a", invokedAt: later }),
        invocationRecord({ functionId: "a", invokedAt: noon }),
      ]);
      const [found] = await store.functions.list();
      assert.deepEqual(found?.lastInvokedAt, later);
    });

    it("passes over invocations of functions that are gone, and writes the others", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      await store.invocations.insertBatch([
        invocationRecord({ functionId: "gone" }),
        invocationRecord({ functionId: "a" }),
      ]);
      assert.equal((await query(store, "a")).total, 1);
      assert.equal((await query(store, "gone")).total, 0);
    });

    it("lists invocations newest first, in pages, with the total of all", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      await store.invocations.insertBatch(
        [3, 1, 2].map((n) => invocationRecord({ functionId: "a", id: `i${n}`, invokedAt: at(n) })),
      );
      const page = await store.invocations.query({ functionId: "a", limit: 2, offset: 1 });
      assert.deepEqual(
        page.items.map(({ id }) => id),
        ["i2", "i1"],
      );
      assert.equal(page.total, 3);
    });

    it("filters invocations by status and time", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      await store.invocations.insertBatch([
        invocationRecord({ functionId: "a", id: "old", invokedAt: at(1) }),
        invocationRecord({ functionId: "a", id: "bad", invokedAt: at(2), status: "error" }),
        invocationRecord({ functionId: "a", id: "new", invokedAt: at(3) }),
      ]);
      assert.deepEqual(await found({ status: "error" }), ["bad"]);
      assert.deepEqual(await found({ since: at(2) }), ["new", "bad"]);
      assert.deepEqual(await found({ until: at(2) }), ["old"]);
    });

    it("filters invocations by what is in them, all that is asked for at once", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      const shared = { functionId: "a" };
      await store.invocations.insertBatch([
        invocationRecord({ ...shared, id: "i1", invokedAt: at(1), coldStart: true }),
        invocationRecord({ ...shared, id: "i2", invokedAt: at(2), vmId: "w", durationMs: 9.5 }),
        invocationRecord({ ...shared, id: "i3", invokedAt: at(3), requestId: "q" }),
        invocationRecord({ ...shared, id: "i4", invokedAt: at(4), vmId: "w", coldStart: true }),
        invocationRecord({ ...shared, id: "i5", invokedAt: at(5), vmId: null }),
      ]);
      const cases: readonly [filter: object, ids: readonly string[]][] = [
        [{ coldStart: true }, ["i4", "i1"]],
        [{ coldStart: false }, ["i5", "i3", "i2"]],
        [{ vmId: "w" }, ["i4", "i2"]],
        [{ requestId: "q" }, ["i3"]],
        [{ minDurationMs: 9.5 }, ["i2"]],
        [{ minDurationMs: 9.6 }, []],
        [{ vmId: "w", coldStart: true, since: at(2) }, ["i4"]],
        [{ vmId: "w", requestId: "q" }, []],
      ];
      for (const [filter, ids] of cases) assert.deepEqual(await found(filter), ids);
    });

    it("finds text in log lines and errors, literally, whatever its capitals", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      const write = (id: string, fields: Partial<InvocationRecord>) =>
        store.invocations.insertBatch([
          invocationRecord({ functionId: "a", id, invokedAt: at(Number(id.slice(1))), ...fields }),
        ]);
      await write("i1", { logs: ["one", 'says "ÄPFEL"\t100 %'] });
      await write("i2", { logs: ["100_000"], error: "No such Äpfel", status: "error" });
      await write("i3", { logs: [], event: '"äpfel"', response: '"äpfel"' });
      await write("i4", { logs: ["on", "e"] });
      const cases: readonly [text: string, ids: readonly string[]][] = [
        ["äpfel", ["i2", "i1"]],
        ['"äPFEL"\t', ["i1"]],
        ["100 %", ["i1"]],
        ["100%", []],
        ["0_0", ["i2"]],
        ["o_e", []],
        ["ONE", ["i1"]],
        ['","', []],
      ];
      for (const [text, ids] of cases) assert.deepEqual(await found({ text }), ids, text);
      assert.deepEqual(await found({ text: "äpfel", status: "success" }), ["i1"]);
    });

    it("reads on after any invocation, in the order in which they were written", async () => {
      for (const id of ["a", "b"]) await store.functions.insert(functionRecord({ id, name: id }));
      assert.equal(await store.invocations.lastNumber("a"), 0);
      const write = (functionId: string, ...ids: readonly string[]) =>
        store.invocations.insertBatch(
          // Later ones began earlier, as long ones do.
          ids.map((id) => invocationRecord({ functionId, id, invokedAt: at(-Number(id)) })),
        );
      await write("a", "1", "2");
      await write("b", "3");
      await write("a", "4");
      await reopen();
      const all = await store.invocations.readAfter("a", 0, 10);
      const ids = all.map(({ record }) => record.id);
      assert.deepEqual(ids, ["1", "2", "4"]);
      assert.equal(await store.invocations.lastNumber("a"), all.at(-1)?.number);
      for (const [index, { number }] of all.entries()) {
        const after = await store.invocations.readAfter("a", number, 1);
        assert.deepEqual(
          after.map(({ record }) => record.id),
          ids.slice(index + 1, index + 2),
        );
      }
      await store.invocations.prune({ maxAgeMs: day, maxRecords: 1 }, at(0), 100);
      await write("a", "5");
      const [newest] = await store.invocations.readAfter("a", all.at(-1)?.number ?? 0, 10);
      assert.equal(newest?.record.id, "5");
    });

    it("pages through what has a text, with the total of all, in a long history", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      // Many of one time, so that the order within it counts.
      await store.invocations.insertBatch(
        Array.from({ length: 1_000 }, (_, n) =>
          invocationRecord({
            functionId: "a",
            id: `i${n}`,
            invokedAt: at(Math.floor(n / 300)),
            logs: [n % 3 === 0 ? "fizz" : "other"],
          }),
        ),
      );
      const page = await store.invocations.query({
        functionId: "a",
        text: "fizz",
        limit: 3,
        offset: 100,
      });
      assert.deepEqual(
        [page.total, page.items.map(({ id }) => id)],
        [334, ["i699", "i696", "i693"]],
      );
    });

    const found = async (filter: object) =>
      (
        await store.invocations.query({ functionId: "a", limit: 9, offset: 0, ...filter })
      ).items.map(({ id }) => id);

    it("prunes by age and by number, no more than a batch at once", async () => {
      await store.functions.insert(functionRecord({ id: "a" }));
      const records = [0, 1, 2, 3, 4, 5].map((n) =>
        invocationRecord({ functionId: "a", id: `i${n}`, invokedAt: at(n) }),
      );
      const ancient = invocationRecord({
        functionId: "a",
        invokedAt: new Date(noon.getTime() - 2 * day),
      });
      await store.invocations.insertBatch([ancient, ...records]);
      const limit = { maxAgeMs: day, maxRecords: 3 };
      assert.equal(await store.invocations.prune(limit, at(9), 2), 2);
      // Two records, and the oldest one's minute and hour in the statistics.
      assert.equal(await store.invocations.prune(limit, at(9), 100), 4);
      assert.equal(await store.invocations.prune(limit, at(9), 100), 0);
      const { items } = await query(store, "a");
      assert.deepEqual(
        items.map(({ id }) => id),
        ["i5", "i4", "i3"],
      );
    });
  });
}

function at(second: number): Date {
  return new Date(noon.getTime() + second * 1000);
}

function query(store: Store, functionId: string) {
  return store.invocations.query({ functionId, limit: 100, offset: 0 });
}
