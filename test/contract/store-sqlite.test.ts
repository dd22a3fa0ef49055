import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { storeStatisticsSuite } from "./store-statistics.ts";
import { storeSuite, type StoreSubject } from "./store.ts";

const sqlite: StoreSubject = {
  label: "SQLite",
  async prepare() {
    const folder = await mkdtemp(join(tmpdir(), "firelet-store-"));
    return {
      open: () => openSqliteStore(join(folder, "firelet.db")),
      remove: () => rm(folder, { recursive: true }),
    };
  },
};

storeSuite(sqlite);
storeStatisticsSuite(sqlite);
