import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fields, table, type Column } from "./table.ts";

interface Row {
  readonly name: string;
  readonly size: number;
  readonly id: string;
}

const rows: Row[] = [
  { name: "a", size: 1, id: "0123456789abcdef" },
  { name: "longer", size: 22, id: "f" },
];

const columns: Column<Row>[] = [
  { title: "NAME", value: ({ name }) => name },
  { title: "SIZE", value: ({ size }) => String(size), paint: (cell) => `<${cell}>` },
  { title: "ID", value: ({ id }) => id },
];

describe("table", () => {
  test("makes columns as wide as their widest cell, and paints them after that", () => {
    assert.equal(
      table(rows, columns, null),
      ["NAME    SIZE  ID", "a       <1   >  0123456789abcdef", "longer  <22  >  f"].join("\n"),
    );
  });

  test("cuts the last column where there is not enough room", () => {
    const lines = table(rows, [columns[0]!, columns[2]!], 18).split("\n");
    assert.deepEqual(lines, ["NAME    ID", "a       012345678…", "longer  f"]);
  });

  test("leaves columns out where there is no room at all", () => {
    const lines = table(rows, [columns[0]!, columns[2]!], 10).split("\n");
    assert.deepEqual(lines, ["NAME", "a", "longer"]);
  });

  test("has titles where there are no rows", () => {
    assert.equal(table([], columns, 80), "NAME  SIZE  ID");
  });
});

test("fields aligns values and shows what is missing", () => {
  assert.equal(
    fields([
      ["Name", "hello"],
      ["Last error", null],
      ["VMs", 0],
    ]),
    ["Name        hello", "Last error  -", "VMs         0"].join("\n"),
  );
});
