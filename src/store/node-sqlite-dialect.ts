import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";

/**
 * Kysely's own SQLite dialect over Node's built-in SQLite: no native build, one file to replace
 * should another binding be wanted. What commits is on the disk (`synchronous=FULL`).
 */
export function nodeSqliteDialect(file: string): SqliteDialect {
  return new SqliteDialect({ database: () => Promise.resolve(openDatabase(file)) });
}

function openDatabase(file: string): SqliteDatabase {
  const database = new DatabaseSync(file, { timeout: 5000 });
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA foreign_keys = ON");
  return {
    close: () => database.close(),
    prepare: (sql) => wrapStatement(database, sql),
  };
}

function wrapStatement(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  const returnsRows = statement.columns().length > 0;
  return {
    reader: returnsRows,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  };
}
