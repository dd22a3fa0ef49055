import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";
import { skipWithout } from "../support/test-tools.ts";

/** Every page of the console, and what says that it is whole. */
const pages = [
  ["/functions", "broken"],
  ["/functions/new", "Create and test"],
  ["/functions/hello", "Statistics"],
  ["/functions/broken", "did not deploy"],
  ["/functions/hello/code", "Review and deploy"],
  ["/functions/hello/invocations", "What it said"],
  ["/functions/hello/revisions", "Serving"],
  ["/functions/hello/settings", "Environment and network"],
  ["/functions/absent", "Function not found"],
  ["/vms", "fn-hello-"],
  ["/vms/{vm}", "About this VM"],
  ["/vms/absent", "VM not found"],
  ["/host", "Drivers"],
] as const;

describe("every page of the console", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  let vm = "";
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
    const code = "exports.handler = (event) => { console.log(event); return event.fail.now; };";
    await manager.deploy({ name: "hello", runtime: "node", code, env: { GREETING: "Hello" } });
    for (const event of [{}, { fail: { now: 1 } }]) {
      await manager.client.invokeFunction("hello", event);
    }
    const { id } = await manager.client.createFunction({
      name: "broken",
      runtime: "node",
      code: "throw new Error('at load');",
    });
    await manager.settled(id);
    vm = (await manager.client.listVms())[0]?.name ?? "";
  });
  after(() => stop());

  for (const [path, text] of pages) {
    it(`can be read and used by anybody, and fits a small screen: ${path}`, async () => {
      const page = await browser.newPage();
      const complaints = complaintsOf(page);
      await page.goto(manager.url + path.replace("{vm}", vm));
      await page.getByText(text).first().waitFor();
      await page.waitForLoadState("load");
      await assertAccessible(page);
      await page.setViewportSize({ width: 360, height: 700 });
      await waitUntil("nothing reaches over the side", () =>
        page.evaluate(
          "document.documentElement.scrollWidth === document.documentElement.clientWidth",
        ),
      );
      // What is not found is an answer that a browser tells of, too.
      assert.deepEqual(
        complaints.filter((complaint) => !/404 \(Not Found\)/.test(complaint)),
        [],
      );
      await page.close();
    });
  }

  it("shows a thousand functions with few of them in the document", async () => {
    const page = await browser.newPage();
    const [one] = await manager.client.listFunctions({ name: "hello" });
    const items = Array.from({ length: 1_000 }, (_, index) => {
      const number = String(index).padStart(4, "0");
      return { ...one, id: `id-${number}`, name: `function-${number}` };
    });
    await page.route("**/v1/functions", (route) => route.fulfill({ json: { items } }));
    await page.goto(`${manager.url}/functions`);
    const rows = page.getByRole("table", { name: "Functions" }).getByRole("row");
    await page.getByText("function-0000").waitFor();
    assert.ok((await rows.count()) < 60, `${await rows.count()} rows`);
    await page.keyboard.press("End");
    await page.getByText("function-0999").waitFor();
    assert.ok((await rows.count()) < 60, `${await rows.count()} rows`);
    await page.getByLabel("Find by name").fill("-0500");
    await page.getByText("function-0500").waitFor();
    assert.equal(await rows.count(), 2);
    await page.close();
  });

  it("keeps what is looked for in the address, and orders by a column", async () => {
    const page = await browser.newPage();
    await page.goto(`${manager.url}/functions?state=error`);
    const table = page.getByRole("table", { name: "Functions" });
    await table.getByText("broken").waitFor();
    assert.equal(await table.getByRole("row").count(), 2);
    await page.getByLabel("State").selectOption("");
    await table.getByText("hello").waitFor();
    await page.getByRole("button", { name: "Invocations, 24 h" }).click();
    await page.waitForURL("**/functions?sort=calls");
    assert.match(await table.getByRole("row").nth(1).innerText(), /^hello/);
    await page.getByRole("button", { name: "Invocations, 24 h" }).click();
    await page.waitForURL("**reverse=true");
    assert.match(await table.getByRole("row").nth(1).innerText(), /^broken/);
    await page.close();
  });

  it("finds calls in the history", async () => {
    const page = await browser.newPage();
    await page.goto(`${manager.url}/functions/hello/invocations`);
    const rows = page.getByRole("row");
    await page.getByRole("row").filter({ hasText: "Error" }).waitFor();
    assert.equal(await rows.count(), 3);
    await page.getByLabel("Outcome").selectOption("error");
    await page.waitForURL("**status=error");
    await page.getByRole("row").filter({ hasText: "Success" }).waitFor({ state: "detached" });
    await page.getByLabel("Find in logs and errors").fill("no such words");
    await page.getByText("No invocation matches").waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByRole("row").filter({ hasText: "Success" }).waitFor();
    await page.close();
  });

  it("shows statistics of the calls that were made", async () => {
    const page = await browser.newPage();
    await page.goto(`${manager.url}/functions/hello`);
    const card = page.getByRole("region", { name: "Statistics" });
    await card.getByText("50 %", { exact: true }).waitFor();
    await card
      .getByText(/Invocations by outcome: Success, .* Error, /)
      .waitFor({ state: "attached" });
    assert.equal(await card.locator("canvas").count(), 3);
    await page.close();
  });

  it("changes settings, and shows at a field what is wrong with it", async () => {
    const page = await browser.newPage();
    await page.goto(`${manager.url}/functions/hello/settings`);
    await page.getByLabel("Memory, MiB").fill("1");
    await page.getByText("Not saved: memory_mb").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".problem", { hasText: "want at least 128" }).waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByLabel("Timeout, s").fill("12");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).first().waitFor();
    assert.equal((await manager.client.getFunction("hello")).timeout_seconds, 12);
    await page.close();
  });
});
