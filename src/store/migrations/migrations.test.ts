import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Kysely, sql } from "kysely";
import { Migrator } from "kysely/migration";
import { invocationRecord } from "../../../test/support/records.ts";
import { nodeSqliteDialect } from "../node-sqlite-dialect.ts";
import { openSqliteStore } from "../sqlite-store.ts";
import { initialMigration } from "./0001-initial.ts";

describe("opening a database of an earlier version", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-migrations-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("gives revisions that had none their times, and the newest its error", async () => {
    const file = join(folder, "firelet.db");
    await writeFirstVersion(file);
    const store = await openSqliteStore(file);
    try {
      const [record] = await store.functions.list();
      const created = new Date("2026-01-01T00:00:00.000Z");
      const updated = new Date("2026-02-01T00:00:00.000Z");
      assert.deepEqual([record?.revision, record?.deployed?.revision], [3, 2]);
      const fates = (await store.functions.listRevisions("f")).map(
        ({ revision, deployed, createdAt, deployedAt, error }) => ({
          revision,
          deployed,
          createdAt,
          deployedAt,
          error,
        }),
      );
      assert.deepEqual(fates, [
        { revision: 3, deployed: false, createdAt: updated, deployedAt: null, error: "bad" },
        { revision: 2, deployed: true, createdAt: updated, deployedAt: updated, error: null },
        { revision: 1, deployed: false, createdAt: created, deployedAt: created, error: null },
      ]);
      assert.deepEqual(await store.functions.listRevisions("g"), [
        {
          revision: 1,
          handler: "handler",
          code: "code 1",
          env: {},
          vcpus: 1,
          memoryMib: 256,
          deployed: false,
          wanted: true,
          createdAt: created,
          deployedAt: null,
          error: null,
        },
      ]);
    } finally {
      await store.close();
    }
  });

  it("lets functions that had no egress policy reach the Internet", async () => {
    const file = join(folder, "firelet.db");
    await writeFirstVersion(file);
    const store = await openSqliteStore(file);
    try {
      const records = await store.functions.list();
      assert.deepEqual(
        records.map(({ egress }) => egress),
        ["internet", "internet"],
      );
    } finally {
      await store.close();
    }
  });

  it("knows of no stack of the invocations that are there, and keeps those of new ones", async () => {
    const file = join(folder, "firelet.db");
    await writeFirstVersion(file);
    const store = await openSqliteStore(file);
    try {
      const stack = "TypeError: boom\n    at handler (handler.js:2:9)";
      const invokedAt = new Date("2026-02-01T12:00:00.000Z");
      const added = invocationRecord({ id: "i5", functionId: "f", invokedAt, stack });
      await store.invocations.insertBatch([added]);
      const { items } = await store.invocations.query({ functionId: "f", limit: 10, offset: 0 });
      assert.deepEqual(
        items.map((item) => [item.id, item.stack]),
        [
          ["i5", stack],
          ["i3", null],
          ["i2", null],
          ["i1", null],
        ],
      );
    } finally {
      await store.close();
    }
  });

  it("counts the invocations that are there", async () => {
    const file = join(folder, "firelet.db");
    await writeFirstVersion(file);
    const store = await openSqliteStore(file);
    try {
      const hour = 3_600_000;
      const from = new Date("2026-02-01T10:00:00.000Z");
      const byHour = { functionId: "f", from, stepMs: hour, steps: 2 };
      const { series, ...whole } = await store.invocations.readStatistics(byHour);
      assert.deepEqual(whole, {
        total: 3,
        success: 1,
        error: 1,
        timeout: 1,
        coldStarts: 1,
        averageMs: 1.5,
        p50Ms: 1.5,
        p95Ms: 2,
        p99Ms: 2,
      });
      assert.deepEqual(
        series.map(({ total }) => total),
        [2, 1],
      );
      const byMinute = await store.invocations.readStatistics({
        ...byHour,
        stepMs: 60_000,
        steps: 120,
      });
      assert.deepEqual(
        byMinute.series.filter(({ total }) => total > 0).map(({ at }) => at.toISOString()),
        ["2026-02-01T10:00:00.000Z", "2026-02-01T10:59:00.000Z", "2026-02-01T11:00:00.000Z"],
      );
      const ofAnother = await store.invocations.readStatistics({ ...byHour, functionId: "g" });
      assert.equal(ofAnother.total, 1);
    } finally {
      await store.close();
    }
  });
});

/** Two functions as the first version stored them: one updated twice, badly at last, one just created. */
async function writeFirstVersion(file: string): Promise<void> {
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(file) });
  const migrations = { "0001-initial": initialMigration };
  const provider = { getMigrations: () => Promise.resolve(migrations) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  assert.equal(error, undefined);
  await sql`
    INSERT INTO functions VALUES
      ('f', 'old', 'node', 30000, 0, 1, 0, 600000, 'ready', 3, 2, 'bad',
        '2026-01-01T00:00:00.000Z', '2026-02-01T00:00:00.000Z', NULL),
      ('g', 'new', 'node', 30000, 0, 1, 0, 600000, 'creating', 1, NULL, NULL,
        '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', NULL)`.execute(db);
  await sql`
    INSERT INTO function_revisions VALUES
      ('f', 1, 'handler', 'code 1', '{}', 1, 256),
      ('f', 2, 'handler', 'code 2', '{}', 1, 256),
      ('f', 3, 'handler', 'code 3', '{}', 1, 256),
      ('g', 1, 'handler', 'code 1', '{}', 1, 256)`.execute(db);
  await sql`
    INSERT INTO invocations
      (id, function_id, request_id, status, duration_ms, cold_start, logs, event, invoked_at)
    VALUES
      ('i1', 'f', 'r1', 'success', 1, 1, '[]', '{}', '2026-02-01T10:00:00.000Z'),
      ('i2', 'f', 'r2', 'error', 1.5, 0, '[]', '{}', '2026-02-01T10:59:59.999Z'),
      ('i3', 'f', 'r3', 'timeout', 2, 0, '[]', '{}', '2026-02-01T11:00:00.000Z'),
      ('i4', 'g', 'r4', 'success', 9, 0, '[]', '{}', '2026-02-01T10:00:00.000Z')`.execute(db);
  await db.destroy();
}
