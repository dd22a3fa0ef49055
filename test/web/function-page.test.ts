import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";
import { passTime, waitUntil } from "../support/wait-until.ts";

const code = `exports.handler = (event) => {
  if (event.fail) throw new TypeError("no luck");
  return { got: event };
};`;

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name });
const isBlocked = async (page: Page, name: string | RegExp) =>
  (await button(page, name).getAttribute("aria-disabled")) === "true";

describe("the overview and the settings of a function", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
    await manager.deploy({ name: "tried", runtime: "node", code, env: { GREETING: "Hello" } });
  });
  after(() => stop());

  const open = async (path: string) => {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(manager.url + path);
    return { page, complaints };
  };
  it("offers events at first, refuses what is no JSON, and shows where a call threw", async () => {
    const { page, complaints } = await open("/functions/tried");
    const event = page.getByLabel("Event", { exact: true });
    await page.getByLabel("Saved events").selectOption("A list");
    assert.equal(await event.inputValue(), "[1, 2, 3]");
    await event.fill("[1, 2");
    await page.getByText(/^Not JSON: /).waitFor();
    assert.ok(await isBlocked(page, /^Invoke/));
    await event.fill('{"fail": true}');
    await button(page, /^Invoke/).click();
    const error = page.getByRole("region", { name: "Result" }).getByLabel("Error", { exact: true });
    await error.getByText(/handler\.js:2:/).waitFor();
    assert.equal((await error.innerText()).split("no luck").length, 2, "it is said once");
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("keeps a saved event over a reload, and forgets one", async () => {
    const { page } = await open("/functions/tried");
    await page.getByLabel("Event", { exact: true }).fill('{"mine": 1}');
    await button(page, "Save event").click();
    await page.getByLabel("Name", { exact: true }).fill("mine");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.reload();
    const choice = page.getByLabel("Saved events");
    await choice.selectOption("Nothing in it");
    await choice.selectOption("mine");
    assert.equal(await page.getByLabel("Event", { exact: true }).inputValue(), '{"mine": 1}');
    await button(page, "Forget “mine”").click();
    await choice.getByText("mine", { exact: true }).waitFor({ state: "detached" });
    await choice.getByText("A list").waitFor({ state: "attached" });
    await page.close();
  });

  it("says in words what its charts show, and counts new calls", async () => {
    const { page } = await open("/functions/tried");
    const statistics = page.getByRole("region", { name: "Statistics" });
    const { total } = await manager.client.getFunctionStats("tried", { window: "1h" });
    await manager.client.invokeFunction("tried", { fail: true });
    const figure = statistics.locator("dd").first();
    await waitUntil(
      "the call is counted",
      async () => (await figure.innerText()) === String(total + 1),
      15_000,
    );
    const words = (label: string) =>
      statistics.locator("figcaption").filter({ hasText: new RegExp(`^${label}: `) });
    await words("Invocations by outcome").waitFor({ state: "attached" });
    assert.match((await words("Invocations by outcome").textContent()) ?? "", /Error, \d+ now, /);
    assert.match(
      (await words("Duration").textContent()) ?? "",
      /P50, [\d.]+ ms now, .*P95, .*P99, /,
    );
    assert.match((await words("Cold and warm").textContent()) ?? "", /Warm, .*Cold, /);
    for (const window of ["24 hours", "7 days"]) {
      await statistics.getByRole("button", { name: window }).click();
      await statistics.getByRole("button", { name: window, pressed: true }).waitFor();
      assert.equal(await figure.innerText(), String(total + 1));
    }
    await page.close();
  });

  it("shows its VM with its revision, and the way there", async () => {
    const { page } = await open("/functions/tried");
    const [vm] = await manager.client.listVms();
    assert.ok(vm);
    const row = page
      .getByRole("region", { name: "VMs" })
      .getByRole("row")
      .filter({ hasText: vm.name });
    await row.getByText(`revision ${vm.revision}`).waitFor();
    await row.getByText(`${vm.guest_ip}:${vm.port}`).waitFor();
    await row.getByRole("link", { name: vm.name }).click();
    await page.waitForURL(`**/vms/${vm.name}`);
    await page.close();
  });

  it("asks before changes are lost, and sends only what is changed", async () => {
    const { page, complaints } = await open("/functions/tried/settings");
    const idle = page.getByLabel("Idle for, s");
    await idle.fill("77");
    await page.getByRole("link", { name: "Overview" }).click();
    const question = page.getByRole("dialog", { name: "Leave without saving?" });
    await question.waitFor();
    await assertAccessible(page);
    await question.getByRole("button", { name: "Stay" }).click();
    await question.waitFor({ state: "detached" });
    assert.equal(await idle.inputValue(), "77");
    const request = page.waitForRequest(
      (sent) => sent.method() === "PUT" || sent.method() === "PATCH",
    );
    await button(page, "Save").click();
    assert.deepEqual((await request).postDataJSON(), { idle_timeout_seconds: 77 });
    await page.getByText("Saved", { exact: true }).first().waitFor();
    // What is saved is no reason to ask.
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("region", { name: "Statistics" }).waitFor();
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("does not change back what somebody else has changed meanwhile", async () => {
    const { page } = await open("/functions/tried/settings");
    await page.getByLabel("Timeout, s").fill("44");
    await manager.client.updateFunction("tried", { idle_timeout_seconds: 66 });
    await passTime(500);
    assert.equal(await page.getByText("Not saved:").innerText(), "Not saved: timeout_seconds");
    await button(page, "Save").click();
    await page.getByText("Saved", { exact: true }).first().waitFor();
    const saved = await manager.client.getFunction("tried");
    assert.deepEqual([saved.timeout_seconds, saved.idle_timeout_seconds], [44, 66]);
    assert.equal(await page.getByLabel("Idle for, s").inputValue(), "66");
    await page.close();
  });

  it("leaves without what was changed, where that is wanted", async () => {
    const { page } = await open("/functions/tried/settings");
    await page.getByLabel("Timeout, s").fill("99");
    await page.getByRole("link", { name: "Overview" }).click();
    await button(page, "Leave").click();
    await page.getByRole("region", { name: "Statistics" }).waitFor();
    assert.notEqual((await manager.client.getFunction("tried")).timeout_seconds, 99);
    await page.close();
  });

  it("goes to its new address when it is renamed, and deletes it once its name is typed", async () => {
    await manager.deploy({ name: "former", runtime: "node", code });
    const { page } = await open("/functions/former/settings");
    await page.getByLabel("Name", { exact: true }).fill("latter");
    await button(page, "Save").click();
    await page.waitForURL("**/functions/latter/settings");
    await page.getByRole("heading", { level: 1, name: "latter" }).waitFor();
    // Something that is not saved does not stand in the way of the end.
    await page.getByLabel("Timeout, s").fill("99");
    await button(page, "Delete …").click();
    await page.getByLabel("Type “latter” to delete it").fill("Latter");
    assert.ok(await isBlocked(page, /^Delete it/));
    await button(page, /^Delete it/).press("Enter");
    assert.equal((await manager.client.getFunction("latter")).name, "latter");
    await page.getByLabel("Type “latter” to delete it").fill("latter");
    await button(page, /^Delete it/).click();
    await page.waitForURL("**/functions");
    await assert.rejects(manager.client.getFunction("latter"), { status: 404 });
    await page.close();
  });
});
