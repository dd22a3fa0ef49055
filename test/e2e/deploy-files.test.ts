import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findProgram } from "../../src/os/find-program.ts";
import { TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";
import { parseMetrics, type MetricFamily } from "../support/metrics-page.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly {
    readonly expr: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

const dashboard = JSON.parse(read("deploy/grafana/firelet.json")) as Dashboard;
const alerts = read("deploy/prometheus/alerts.yml");
const charts = dashboard.panels.filter(({ type }) => type !== "row");

const shown = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
/** What follows `expr:`, on its line or in the block below it. */
const watched = [...alerts.matchAll(/^ +expr: (?:\|\n((?: {10}.*\n)+)|(.+)\n)/gm)].map(
  ([, block, line]) => block ?? line ?? "",
);

/** A selector of a query: `name{label="…"}[range]`. */
interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
  readonly isRange: boolean;
  readonly query: string;
}

function selectorsOf(query: string): Selector[] {
  const found = query.matchAll(/\b((?:firelet|process|nodejs)_\w+)(?:\{([^}]*)\})?(\[[^\]]+\])?/g);
  return [...found].map(([, name = "", labels = "", range]) => ({
    name,
    labels: [...labels.matchAll(/(\w+)\s*(?:=~|!=|!~|=)\s*"/g)].map(([, label]) => label ?? ""),
    isRange: range !== undefined,
    query,
  }));
}

/** Whether every bracket and quote is closed, in its turn. */
function isBalanced(query: string): boolean {
  const open: string[] = [];
  const pairs = new Map([
    [")", "("],
    ["]", "["],
    ["}", "{"],
  ]);
  for (const part of query.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")) {
    if ("([{".includes(part)) open.push(part);
    else if (pairs.has(part) && open.pop() !== pairs.get(part)) return false;
    else if (part === '"') return false;
  }
  return open.length === 0;
}

describe("what is in deploy", () => {
  let page: string;
  let exported: ReadonlyMap<string, MetricFamily>;
  before(async () => {
    const manager = await TestManager.start({ driver: "process" });
    try {
      const code = "exports.handler = () => null;";
      await manager.deploy({ name: "shown", runtime: "node", code });
      await manager.client.invokeFunction("shown");
      const readPage = async () => (page = await manager.client.readMetrics());
      // Garbage collection is watched from the first reading on, and has its series once there was one.
      const isWhole = async () => (await readPage()).includes("nodejs_gc_duration_seconds_sum");
      await waitUntil("the manager has collected garbage", isWhole, 30_000);
      exported = parseMetrics(page);
    } finally {
      await manager.stop();
    }
  });

  const familyOf = (name: string) =>
    exported.get(name) ?? exported.get(name.replace(/_(bucket|sum|count)$/, ""));

  it("asks for metrics that a manager has, by labels that they have", () => {
    assert.ok(shown.length > 30 && watched.length > 5, "queries are found");
    for (const { name, labels, query } of [...shown, ...watched].flatMap(selectorsOf)) {
      const family = familyOf(name);
      assert.ok(
        family?.samples.some((sample) => sample.name === name),
        `${name} in ${query}`,
      );
      const has = (family?.samples ?? []).flatMap((sample) => Object.keys(sample.labels));
      // Prometheus gives these to whatever it scrapes.
      const missing = labels.filter((label) => !["job", "instance", ...has].includes(label));
      assert.deepEqual(missing, [], query);
    }
  });

  it("groups by labels that there are", () => {
    const labels = new Set(
      [...exported.values()]
        .flatMap(({ samples }) => samples)
        .flatMap((one) => Object.keys(one.labels)),
    );
    for (const query of [...shown, ...watched]) {
      const groups = [...query.matchAll(/\b(?:by|on|group_left) \(([^)]*)\)/g)];
      const named = groups.flatMap(([, list = ""]) => list.split(",").map((label) => label.trim()));
      const missing = named.filter((label) => !["job", "instance", "", ...labels].includes(label));
      assert.deepEqual(missing, [], query);
    }
  });

  it("takes the rate of what only grows, and of nothing else", () => {
    for (const { name, isRange, query } of [...shown, ...watched].flatMap(selectorsOf)) {
      if (name === "firelet_build_info") continue;
      const grows = /^(counter|histogram|summary)$/.test(familyOf(name)?.type ?? "");
      assert.equal(isRange, grows, `${name} in ${query}`);
    }
    for (const query of shown) assert.doesNotMatch(query, /\[(?!\$__rate_interval\])/, query);
  });

  it("has queries whose brackets and quotes close", () => {
    for (const query of [...shown, ...watched]) assert.ok(isBalanced(query), query);
    assert.equal(isBalanced('sum(rate(a{b="c)"}[5m])'), false);
  });

  it("shows every metric of ours", () => {
    const queries = shown.join("\n");
    const missing = [...exported.keys()].filter(
      (name) => name.startsWith("firelet_") && !new RegExp(`\\b${name}(_|\\b)`).test(queries),
    );
    assert.deepEqual(missing, []);
  });

  it("has a row in docs/observability.md for every alert", () => {
    const rows = [...read("docs/observability.md").matchAll(/^\| `(Firelet\w+)` \|/gm)];
    const named = [...alerts.matchAll(/^ +- alert: (\w+)$/gm)];
    assert.equal(named.length, watched.length);
    assert.deepEqual(
      rows.map(([, name]) => name),
      named.map(([, name]) => name),
    );
  });

  it("has a dashboard whose panels know their source and unit, and do not overlap", () => {
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    for (const { title, datasource, fieldConfig, targets = [], type } of charts) {
      assert.notEqual(targets.length, 0, title);
      for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
        assert.equal(source?.uid, "${datasource}", title);
      }
      if (type !== "heatmap") assert.ok(fieldConfig?.defaults.unit, title);
    }
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
  });

  it("uses variables that the dashboard has", () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const queries = dashboard.templating.list.map(({ query }) =>
      typeof query === "string" ? query : query.query,
    );
    for (const text of [...shown, ...queries]) {
      for (const [, name = ""] of text.matchAll(/\$(\w+)/g)) {
        assert.ok(["__rate_interval", ...names].includes(name), `$${name} in ${text}`);
      }
    }
  });

  describe("as Prometheus' own checker reads it", () => {
    const promtool = findProgram("promtool");
    const skip = promtool === null ? "no promtool here (Debian's package prometheus)" : false;
    let folder: string;
    before(async () => (folder = await mkdtemp(join(tmpdir(), "firelet-promtool-"))));
    after(() => rm(folder, { recursive: true }));

    it("has metrics with names and units as they should be", { skip }, () => {
      execFileSync(promtool ?? "", ["check", "metrics"], { input: page });
    });

    it("is a configuration and rules", { skip }, () => {
      execFileSync(promtool ?? "", [
        "check",
        "config",
        join(root, "deploy/prometheus/prometheus.yml"),
      ]);
    });

    it("has queries that parse", { skip }, async () => {
      const rules = shown.map((query, n) => {
        const expr = JSON.stringify(query.replaceAll("$__rate_interval", "5m"));
        return `  - record: "shown:${n}"\n    expr: ${expr}\n`;
      });
      const file = join(folder, "rules.yml");
      await writeFile(file, `groups:\n- name: shown\n  rules:\n${rules.join("")}`);
      execFileSync(promtool ?? "", ["check", "rules", file]);
    });
  });
});
