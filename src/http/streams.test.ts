import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { invocationRecord } from "../../test/support/records.ts";
import { waitUntil } from "../../test/support/wait-until.ts";
import type { ChangeEvent } from "../api/events.ts";
import type { InvocationEvent } from "../api/invocations.ts";
import { FireletClient } from "../client/client.ts";
import type { EventStream } from "../client/event-stream.ts";
import type { InvocationRecord } from "../core/invocation.ts";
import { followChanges } from "../functions/follow-changes.ts";

/** Reads a stream in the background. */
class Reader<E> {
  readonly events: E[] = [];
  readonly stop = new AbortController();
  ended = false;
  #stream: EventStream<E> | undefined;

  get lastEventId(): string | undefined {
    return this.#stream?.lastEventId;
  }

  /** Resolves when the stream has begun. */
  async read(open: (signal: AbortSignal) => Promise<EventStream<E>>): Promise<this> {
    const stream = await open(this.stop.signal);
    this.#stream = stream;
    void (async () => {
      for await (const event of stream) this.events.push(event);
    })()
      .catch(() => undefined)
      .finally(() => (this.ended = true));
    return this;
  }

  async until(count: number): Promise<E[]> {
    await waitUntil(`${count} events`, () => this.events.length >= count);
    return this.events;
  }
}

function seen({ events }: Reader<InvocationEvent>): string[] {
  return events.map((event) => (event.event === "end" ? event.data.reason : event.data.event));
}

let memory: MemoryPlatform;
let client: FireletClient;
let url: string;
before(async () => {
  memory = await startMemoryPlatform();
  url = await memory.app.listen({ host: "127.0.0.1", port: 0 });
  client = new FireletClient(url);
});
after(() => {
  memory.app.server.closeAllConnections();
  return memory.close();
});

let names = 0;
async function create(): Promise<string> {
  const name = `f${(names += 1)}`;
  const { id } = await client.createFunction({ name, runtime: "node", code: "x" });
  await waitUntil("ready", () => memory.platform.registry.get(id).state === "ready");
  return id;
}

/** As an invocation that has just ended is recorded; `event` tells it from others. */
function record(functionId: string, event: string, fields: Partial<InvocationRecord> = {}): void {
  const { clock, recorder } = memory.platform;
  const ids = { id: clock.newId(), requestId: clock.newId(), vmId: clock.newId() };
  recorder.add(invocationRecord({ ...ids, functionId, event, invokedAt: clock.now(), ...fields }));
}

describe("GET /v1/functions/{id}/logs/stream", () => {
  let id: string;
  beforeEach(async () => {
    id = await create();
  });

  const follow = (query = {}, lastEventId?: string) =>
    new Reader<InvocationEvent>().read((signal) =>
      client.followInvocations(id, query, { signal, lastEventId }),
    );
  it("has each invocation that ends from now on, in order, as the history shows it", async () => {
    record(id, "before");
    const reader = await follow();
    const other = await create();
    record(other, "of another");
    record(id, "one", { logs: ["a line"] });
    await waitUntil("one", () => reader.events.length === 1);
    for (let n = 0; n < 120; n += 1) record(id, `burst ${n}`);
    await reader.until(121);
    assert.deepEqual(seen(reader), ["one", ...Array.from({ length: 120 }, (_, n) => `burst ${n}`)]);
    const { items } = await client.listInvocations(id, { limit: 1000 });
    const [first] = reader.events;
    assert.deepEqual(first?.data, items.at(-2));
    reader.stop.abort();
  });

  it("takes up after any event, with nothing missed and nothing twice", async () => {
    const reader = await follow();
    await waitUntil("it begins", () => reader.lastEventId !== undefined);
    const places = [reader.lastEventId];
    for (let n = 0; n < 4; n += 1) {
      record(id, String(n));
      await reader.until(n + 1);
      places.push(reader.lastEventId);
    }
    reader.stop.abort();
    record(id, "away");
    for (const [index, place] of places.entries()) {
      const again = await follow({}, place);
      const missed = ["0", "1", "2", "3"].slice(index);
      await again.until(missed.length + 1);
      assert.deepEqual(seen(again), [...missed, "away"]);
      again.stop.abort();
    }
  });

  it("begins now after an event of another history, and refuses what is no event", async () => {
    const reader = await follow({}, "999999999999999");
    record(id, "now");
    await reader.until(1);
    assert.deepEqual(seen(reader), ["now"]);
    reader.stop.abort();
    await assert.rejects(follow({}, "x"), { status: 400, message: /last-event-id: found "x"/ });
  });

  it("filters as the history does", async () => {
    const vmId = memory.platform.clock.newId();
    const query = { status: "error", q: "BOOM", vm_id: vmId, min_duration_ms: 5 } as const;
    const reader = await follow({ ...query, cold_start: false });
    const wanted = { status: "error", error: "boom", vmId, durationMs: 5 } as const;
    const misses: readonly Partial<InvocationRecord>[] = [
      { status: "timeout" },
      { error: "bang" },
      { vmId: null },
      { durationMs: 4 },
      { coldStart: true },
    ];
    for (const miss of misses) record(id, "miss", { ...wanted, ...miss });
    record(id, "hit", wanted);
    await reader.until(1);
    assert.deepEqual(seen(reader), ["hit"]);
    reader.stop.abort();
  });

  it("ends when the function is deleted, with what was recorded until then", async () => {
    const reader = await follow();
    record(id, "last");
    await memory.platform.recorder.flush();
    await client.deleteFunction(id);
    await waitUntil("the end", () => reader.ended);
    assert.deepEqual(seen(reader), ["last", "deleted"]);
  });

  it("is not there for a function that is not, and refuses web pages of other origins", async () => {
    const { signal } = new AbortController();
    await assert.rejects(client.followInvocations("nobody", {}, { signal }), {
      status: 404,
      code: "function_not_found",
    });
    const path = `${url}/v1/functions/${id}/logs/stream`;
    const foreign = await fetch(path, { headers: { origin: "http://evil.example" } });
    assert.equal(foreign.status, 403);
    await foreign.text();
    const stop = new AbortController();
    const answer = await fetch(path, { signal: stop.signal });
    assert.match(answer.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
    stop.abort();
    assert.equal((await fetch(path, { method: "HEAD" })).status, 405);
  });

  it("asks for no more than a reader takes, and goes on where it does", async () => {
    const { invocations } = memory.platform.store;
    const readAfter = invocations.readAfter.bind(invocations);
    let read = 0;
    invocations.readAfter = async (...args) => {
      const page = await readAfter(...args);
      read += page.length;
      return page;
    };
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(`GET /v1/functions/${id}/logs/stream HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    await waitUntil("it begins", () => text.includes("retry:"));
    socket.pause();
    // Far more than the sockets' buffers hold.
    const line = "x".repeat(200_000);
    const count = 200;
    for (let n = 0; n < count; n += 1) record(id, `n${n}.`, { logs: [line] });
    await memory.platform.recorder.flush();
    await waitUntil("some is read", () => read > 0);
    record(id, "later");
    await memory.platform.recorder.flush();
    assert.ok(read < count, `${read} of ${count} were read for somebody who takes nothing`);
    socket.resume();
    await waitUntil("all is there", () => text.includes('"later"'), 20_000);
    const order = [...text.matchAll(/"n(\d+)\."/g)].map(([, n]) => Number(n));
    assert.deepEqual(
      order,
      Array.from({ length: count }, (_, n) => n),
    );
    socket.destroy();
    invocations.readAfter = readAfter;
  });

  it("keeps nothing of readers who have gone", async () => {
    const { changes, recorder } = memory.platform;
    let listening = 0;
    const counted = (subscribe: () => () => void) => {
      listening += 1;
      const stop = subscribe();
      return () => {
        listening -= 1;
        stop();
      };
    };
    const onRecorded = recorder.onRecorded.bind(recorder);
    const subscribe = changes.subscribe.bind(changes);
    recorder.onRecorded = (...args) => counted(() => onRecorded(...args));
    changes.subscribe = (...args) => counted(() => subscribe(...args));
    const readers = await Promise.all([follow(), follow()]);
    assert.equal(listening, 4);
    for (const { stop } of readers) stop.abort();
    await waitUntil("nobody listens", () => listening === 0);
    recorder.onRecorded = onRecorded;
    changes.subscribe = subscribe;
  });
});

function followEvents(query = {}, lastEventId?: string): Promise<Reader<ChangeEvent>> {
  return new Reader<ChangeEvent>().read((signal) =>
    client.followEvents(query, { signal, lastEventId }),
  );
}

/** What was said of functions and their VMs, in short. */
function said({ events }: Reader<ChangeEvent>): string[] {
  return events.map(({ event, data }) => {
    if (event === "function") return `${data.change} ${data.revision} ${data.state}`;
    return event === "vm" ? `vm ${data.previous_state} → ${data.state}` : event;
  });
}

function untilSaid(reader: Reader<ChangeEvent>, last: string): Promise<void> {
  return waitUntil(`"${last}" of ${said(reader).join(", ")}`, () => said(reader).includes(last));
}

describe("GET /v1/events", () => {
  it("tells a function's life and its VMs'", async () => {
    const reader = await followEvents();
    const id = await create();
    await untilSaid(reader, "deployed 1 ready");
    assert.deepEqual(
      said(reader).filter((text) => !text.startsWith("vm")),
      ["created 1 creating", "state_changed 1 booting", "state_changed 1 deploying"].concat([
        "state_changed 1 ready",
        "deployed 1 ready",
      ]),
    );
    assert.deepEqual(
      said(reader).filter((text) => text.startsWith("vm")),
      ["null → booting", "booting → adopting", "adopting → standby", "standby → running"].map(
        (states) => `vm ${states}`,
      ),
    );
    const [created] = reader.events;
    const { name, created_at } = await client.getFunction(id);
    assert.ok(created?.event === "function");
    const { at, ...rest } = created.data;
    assert.ok(Math.abs(Date.parse(at) - Date.parse(created_at)) < 1_000);
    assert.deepEqual(rest, {
      change: "created",
      function_id: id,
      function_name: name,
      revision: 1,
      state: "creating",
      previous_state: null,
      last_error: null,
    });

    reader.events.length = 0;
    await client.updateFunction(id, { code: "y", timeout_seconds: 5 });
    await untilSaid(reader, "deployed 2 ready");
    memory.vms.loadWith = () => ({ loaded: false, message: "bad code", logs: [] });
    await client.updateFunction(id, { code: "z" });
    await untilSaid(reader, "deploy_failed 3 ready");
    memory.vms.loadWith = () => ({ loaded: true, logs: [] });
    const failed = reader.events.at(-1);
    assert.ok(failed?.event === "function");
    assert.equal(failed.data.last_error, "bad code");
    await client.deleteFunction(id);
    await untilSaid(reader, "vm stopping → gone");
    assert.deepEqual(said(reader), [
      "updated 2 ready",
      "deployed 2 ready",
      "updated 3 ready",
      "deploy_failed 3 ready",
      "deleted 3 ready",
      "vm running → stopping",
      "vm stopping → gone",
    ]);
    const gone = reader.events.at(-1);
    assert.ok(gone?.event === "vm");
    assert.deepEqual(
      [gone.data.function_id, gone.data.revision, gone.data.reason],
      [id, 2, `Function "${name}" was deleted`],
    );
    reader.stop.abort();
  });

  it("tells of one function alone, by name or id", async () => {
    const id = await create();
    const { name } = await client.getFunction(id);
    const readers = await Promise.all([
      followEvents({ function: id }),
      followEvents({ function: name }),
    ]);
    const other = await create();
    await client.updateFunction(id, { timeout_seconds: 7 });
    for (const reader of readers) {
      await reader.until(1);
      assert.deepEqual(said(reader), ["updated 1 ready"]);
      reader.stop.abort();
    }
    await client.deleteFunction(other);
    await assert.rejects(followEvents({ function: "nobody" }), { status: 404 });
  });

  it("takes up after an event, and says where some may have been missed", async () => {
    const id = await create();
    const update = (seconds: number) => client.updateFunction(id, { timeout_seconds: seconds });
    const reader = await followEvents({ function: id });
    await update(1);
    await reader.until(1);
    reader.stop.abort();
    const place = reader.lastEventId ?? "";
    await update(2);
    const again = await followEvents({ function: id }, place);
    await again.until(1);
    assert.deepEqual(said(again), ["updated 1 ready"]);
    again.stop.abort();
    const [feedId] = /^.*(?=-)/.exec(place) ?? [];
    const { last } = memory.platform.changes;
    const unknownIds = [`${feedId}-${last + 1}`, `${id}-1`, "anything"];
    for (const [index, unknown] of unknownIds.entries()) {
      const lost = await followEvents({ function: id }, unknown);
      await lost.until(1);
      await update(3 + index);
      await lost.until(2);
      assert.deepEqual(said(lost), ["reset", "updated 1 ready"]);
      lost.stop.abort();
    }
    const { changes } = memory.platform;
    const [entry] = changes.after(changes.last - 1) ?? [];
    assert.ok(entry);
    for (let n = 0; n < 2_000; n += 1) changes.publish(entry.value);
    const late = await followEvents({}, place);
    await late.until(1);
    assert.deepEqual(said(late), ["reset"]);
    late.stop.abort();
  });

  it("cuts off who is too far behind, and tells that one to read anew", async () => {
    const { changes } = memory.platform;
    const stop = new AbortController();
    const { changes: followed } = followChanges(changes, null, stop.signal);
    const [entry] = changes.after(changes.last - 1) ?? [];
    assert.ok(entry);
    const reading = followed[Symbol.asyncIterator]();
    changes.publish(entry.value);
    const first = await reading.next();
    for (let n = 0; n < 2_001; n += 1) changes.publish(entry.value);
    assert.equal((await reading.next()).done, true);
    assert.equal(followChanges(changes, first.value?.number ?? 0, stop.signal).missed, true);
    stop.abort();
  });
});

describe("streams of a manager that stops", () => {
  it("end at once, and say why", async () => {
    const stopping = await startMemoryPlatform();
    const address = await stopping.app.listen({ host: "127.0.0.1", port: 0 });
    const own = new FireletClient(address);
    const { id } = await own.createFunction({ name: "followed", runtime: "node", code: "x" });
    const reader = await new Reader<InvocationEvent>().read((signal) =>
      own.followInvocations(id, {}, { signal }),
    );
    await stopping.close();
    await waitUntil("the end", () => reader.ended);
    assert.deepEqual(reader.events, [{ event: "end", data: { reason: "stopping" } }]);
  });
});
