import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";

const kib = 1024;

/** What the first page may take, compressed. */
const budget = { scriptBytes: 200 * kib, styleBytes: 24 * kib, requests: 25, layoutShift: 0.1 };

/** What only a page that needs it may load, by a word that is in it. */
const heavy = { editor: "cm-content", terminal: "xterm-", charts: "u-legend" };

describe("the console", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
  });
  after(() => stop());

  it("is small where it begins, and stands still while it loads", async () => {
    const page = await browser.newPage();
    const loaded: Promise<{ type: string; text: string }>[] = [];
    let requests = 0;
    page.on("response", (response) => {
      requests += 1;
      const type = response.request().resourceType();
      if (type !== "script" && type !== "stylesheet") return;
      loaded.push(response.text().then((text) => ({ type, text })));
    });
    await page.addInitScript(`
      globalThis.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shift += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
    `);
    await page.goto(manager.url);
    await page.getByRole("heading", { level: 1, name: "Functions" }).waitFor();
    await page.waitForLoadState("load");
    const files = await Promise.all(loaded);
    const sizeOf = (wanted: string) =>
      files
        .filter(({ type }) => type === wanted)
        .reduce((sum, { text }) => sum + gzipSync(text).length, 0);
    assert.ok(sizeOf("script") > 50 * kib, "the scripts were seen");
    assert.ok(sizeOf("script") < budget.scriptBytes, `${sizeOf("script")} bytes of scripts`);
    assert.ok(sizeOf("stylesheet") < budget.styleBytes, `${sizeOf("stylesheet")} bytes of styles`);
    assert.ok(requests < budget.requests, `${requests} requests`);
    for (const [what, word] of Object.entries(heavy)) {
      assert.ok(!files.some(({ text }) => text.includes(word)), `no ${what} is loaded`);
    }
    const shift = Number(await page.evaluate("shift"));
    assert.ok(shift < budget.layoutShift, `a layout shift of ${shift}`);
    await page.close();
  });

  it("is one document for all of its addresses, and what it has no page for is said", async () => {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    for (const [path, title] of [
      ["/", "Functions"],
      ["/vms", "VMs"],
      ["/host", "Host"],
      ["/functions/new", "New function"],
    ] as const) {
      await page.goto(manager.url + path);
      await page.getByRole("heading", { level: 1, name: title }).waitFor();
      assert.equal(await page.title(), `${title} · Firelet`);
    }
    await page.goto(`${manager.url}/functions/hello/nothing`);
    await page.getByText("There is no such page").waitFor();
    assert.equal((await fetch(`${manager.url}/nothing`)).status, 404);
    assert.equal((await fetch(`${manager.url}/assets/nothing.js`)).status, 404);
    assert.deepEqual(
      complaints.filter((text) => !text.includes("404")),
      [],
    );
    await page.close();
  });

  it("runs nothing that is not a file of the manager", async () => {
    const answer = await fetch(manager.url);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'; script-src 'self'; /);
    const page = await browser.newPage();
    await page.goto(manager.url);
    const refused = await page.evaluate(`new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      document.body.append(script);
    })`);
    assert.equal(refused, "script-src-elem");
    assert.equal(await page.evaluate("globalThis.ran"), undefined);
    await page.close();
  });

  it("warns of an isolation that is none, on every page", async () => {
    const page = await browser.newPage();
    for (const path of ["/functions", "/vms", "/host"]) {
      await page.goto(manager.url + path);
      await page.getByText("No isolation.").first().waitFor();
    }
    await page.close();
  });

  it("keeps the theme that was chosen", async () => {
    const page = await browser.newPage({ colorScheme: "light" });
    await page.goto(manager.url);
    const brightness = () =>
      page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const light = await brightness();
    await page.getByRole("button", { name: "Theme: system. Change to light" }).click();
    await page.getByRole("button", { name: "Theme: light. Change to dark" }).click();
    const dark = await brightness();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole("button", { name: "Theme: dark. Change to system" }).waitFor();
    assert.equal(await brightness(), dark);
    await page.close();
  });

  it("says when the manager is gone, and goes on when it is back", async (test) => {
    const other = await TestManager.start({ driver: "process" });
    const page = await browser.newPage();
    await page.goto(other.url);
    await page.getByRole("heading", { level: 1, name: "Functions" }).waitFor();
    const { port } = new URL(other.url);
    await other.stop();
    await page.getByText("The connection to the manager is lost").waitFor();
    const again = await TestManager.start({ driver: "process", port: Number(port) });
    test.after(() => again.stop());
    await page.getByText("The connection to the manager is lost").waitFor({ state: "detached" });
    await again.deploy({ name: "seen-again", runtime: "node", code: "exports.handler = () => 1" });
    await page.getByText("seen-again").waitFor();
    await page.close();
  });
});
