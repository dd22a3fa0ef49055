import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VmItem } from "../../api.ts";
import { filterVms } from "./filter-vms.ts";

const vm = (name: string, rest: Partial<VmItem> = {}) =>
  ({
    id: name,
    name,
    function_id: "1",
    state: "running",
    guest_ip: null,
    port: 3000,
    ...rest,
  }) as VmItem;

describe("filterVms", () => {
  const vms = [
    vm("fn-a", { guest_ip: "198.18.0.2", started_at: "2026-01-01T00:00:00.000Z" }),
    vm("fn-b", { function_id: "2", started_at: "2026-01-02T00:00:00.000Z" }),
    vm("fn-c", { state: "booting", started_at: null }),
  ];
  const names = (filter: object) =>
    filterVms(vms, { search: "", functionId: undefined, state: undefined, ...filter }, (id) =>
      id === "2" ? "Thumbnails" : "hello",
    ).map(({ name }) => name);

  it("has all of them, the newest first, and before these what has not started", () => {
    assert.deepEqual(names({}), ["fn-c", "fn-b", "fn-a"]);
  });

  it("keeps those of a function, of a state, and that have a text", () => {
    assert.deepEqual(names({ functionId: "2" }), ["fn-b"]);
    assert.deepEqual(names({ state: "booting" }), ["fn-c"]);
    assert.deepEqual(names({ search: " THUMB" }), ["fn-b"]);
    assert.deepEqual(names({ search: "18.0.2:3000" }), ["fn-a"]);
    assert.deepEqual(names({ search: "thumb", functionId: "1" }), []);
  });
});
