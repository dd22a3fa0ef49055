import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";
import { passTime, waitUntil } from "../support/wait-until.ts";

const code = `exports.handler = ({ n, fail }) => {
  console.log("call " + n);
  if (fail) throw new TypeError("no luck");
  return n;
};`;
/** One more than a page has. */
const calls = 51;

describe("the history of a function", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  /** Before the first call. */
  let begin: Date;
  const client = () => manager.client;
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
    await manager.deploy({ name: "called", runtime: "node", code });
    await manager.deploy({ name: "silent", runtime: "node", code });
    begin = new Date();
    for (let n = 1; n <= calls; n += 1) {
      await client().invokeFunction("called", { n, fail: n === 1 });
    }
    await waitUntil("all are recorded", async () => (await total({})) === calls);
  });
  after(() => stop());

  const total = async (query: object) => (await client().listInvocations("called", query)).total;
  const open = async (query = "", name = "called") => {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(`${manager.url}/functions/${name}/invocations${query}`);
    return { page, complaints };
  };

  it("has pages of 50, in the address", async () => {
    const { page, complaints } = await open();
    await page.getByText(`Page 1 of 2, ${calls} invocations`).waitFor();
    assert.equal(await rows(page).count(), 50);
    await page.getByRole("button", { name: "Older" }).click();
    await page.waitForURL("**page=2");
    await shows(page, 1);
    await rows(page).getByText("no luck").waitFor();
    const live = page.getByRole("button", { name: "Live (New calls are on the first page)" });
    assert.equal(await live.getAttribute("aria-disabled"), "true");
    assert.equal(await live.getAttribute("aria-pressed"), "false");
    await page.reload();
    await shows(page, 1);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("opens a call by its address to all that is kept of it", async () => {
    const { items } = await client().listInvocations("called", { status: "error" });
    const { page, complaints } = await open(`?request=${items[0]?.request_id}`);
    await shows(page, 1);
    const error = page.getByLabel("Error", { exact: true });
    await error.getByText(/TypeError: no luck[^]*handler\.js:3:/).waitFor();
    assert.match(await page.getByLabel("Event", { exact: true }).innerText(), /"fail": true/);
    const line = page.getByLabel("Logs", { exact: true }).locator(".log-line");
    assert.deepEqual(
      [await line.innerText(), await line.getAttribute("data-number")].map((text) => text?.trim()),
      ["call 1", "1"],
    );
    await assertAccessible(page);
    await page.getByLabel("Find in logs and errors").clear();
    await shows(page, 50);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("finds a call by its whole request id", async () => {
    const { items } = await client().listInvocations("called", { offset: 7, limit: 1 });
    const { page } = await open();
    const id = items[0]?.request_id ?? "";
    await page.getByLabel("Find in logs and errors").fill(id);
    await page.waitForURL(`**request=${id}`);
    await shows(page, 1);
    await page.close();
  });

  it("filters by text, outcome, start and duration together", async () => {
    const { page } = await open("?q=call&status=error&cold=false&slow=10000");
    await page.getByText("No invocation matches").waitFor();
    await page.getByLabel("Duration").selectOption("");
    await page.getByLabel("Start").selectOption("");
    await shows(page, 1);
    await page.getByLabel("Outcome").selectOption("");
    await page.getByLabel("Find in logs and errors").fill("call 37");
    await rows(page).getByText("call 37").waitFor();
    await page.getByRole("button", { name: "Show all" }).waitFor({ state: "detached" });
    // However fast somebody types, and wherever.
    await page.getByLabel("Find in logs and errors").fill("");
    await page.keyboard.type("ll 38");
    await page.keyboard.press("Home");
    await page.keyboard.type("ca");
    await rows(page).getByText("call 38").waitFor();
    await shows(page, 1);
    await page.close();
  });

  it("filters by the VM of a call", async () => {
    const [vm] = (await client().listVms()).filter(({ name }) => name.startsWith("fn-called"));
    assert.ok(vm);
    const { page } = await open("?status=error");
    await rows(page).getByRole("button").click();
    assert.match(
      (await page.getByRole("link", { name: vm.name }).getAttribute("href")) ?? "",
      new RegExp(`/vms/${vm.name}$`),
    );
    await page.getByRole("button", { name: "All calls of this VM" }).click();
    await page.waitForURL(`**vm=${vm.id}`);
    assert.equal(await page.getByLabel("VM", { exact: true }).inputValue(), vm.id);
    await page.getByLabel("Outcome").selectOption("");
    await shows(page, Math.min(50, await total({ vm_id: vm.id })));
    // One that has gone stays what is looked for.
    const gone = "550e8400-e29b-41d4-a716-446655440000";
    await page.goto(`${manager.url}/functions/called/invocations?vm=${gone}`);
    await page.getByText("No invocation matches").waitFor();
    assert.equal(await page.getByLabel("VM", { exact: true }).inputValue(), gone);
    await page.close();
  });

  it("filters by a stretch of time", async () => {
    const { page, complaints } = await open();
    await page.getByLabel("When").selectOption("1h");
    await page.waitForURL("**range=1h");
    await shows(page, 50);
    await page.getByLabel("When").selectOption("custom");
    await page.getByLabel("From").waitFor();
    await shows(page, 50);
    await page.getByRole("button", { name: "Live (A stretch of time is chosen)" }).waitFor();
    // Before the first call.
    const local = new Date(begin.getTime() - begin.getTimezoneOffset() * 60_000 - 60_000);
    await page.getByLabel("To", { exact: true }).fill(local.toISOString().slice(0, 16));
    await page.getByText("No invocation matches").waitFor();
    await assertAccessible(page);
    await page.setViewportSize({ width: 360, height: 700 });
    assert.ok(
      await page.evaluate(
        "document.documentElement.scrollWidth === document.documentElement.clientWidth",
      ),
    );
    await page.getByLabel("When").selectOption("");
    await shows(page, 50);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("shows calls as they end, only those that are looked for, and none while it is off", async () => {
    const { page } = await open("?status=error");
    await shows(page, 1);
    await page.getByRole("button", { name: "Live", exact: true }).waitFor();
    await client().invokeFunction("called", { n: "fine" });
    await client().invokeFunction("called", { n: "live", fail: true });
    await shows(page, 2);
    assert.match(await rows(page).first().innerText(), /just now/);
    await rows(page).first().getByRole("button").click();
    await page.getByLabel("Logs", { exact: true }).getByText("call live").waitFor();
    await page.getByRole("button", { name: "Live", exact: true }).click();
    await page.getByRole("button", { name: "Live", exact: true, pressed: false }).waitFor();
    await client().invokeFunction("called", { n: "unseen", fail: true });
    await passTime(1_000);
    assert.equal(await rows(page).count(), 2);
    await page.close();
  });

  it("counts what comes, and has never more rows than a page", async () => {
    const { page } = await open();
    await shows(page, 50);
    const known = await total({});
    await page.getByText(`${known} invocations`).waitFor();
    await client().invokeFunction("called", { n: "one more" });
    await rows(page).getByText("call one more").waitFor();
    await page.getByText(`${known + 1} invocations`).waitFor();
    assert.equal(await rows(page).count(), 50);
    await page.getByRole("button", { name: "Older" }).click();
    await shows(page, known + 1 - 50);
    assert.equal(await rows(page).getByText("call one more").count(), 0);
    await page.goto(`${manager.url}/functions/called/invocations?page=99`);
    await page.getByText("There is no page 99").waitFor();
    await page.getByRole("button", { name: "The newest page" }).click();
    await shows(page, 50);
    await page.close();
  });

  it("misses nothing that ends while it begins to listen", async () => {
    const page = await browser.newPage();
    // The page is read at once, the stream begins late: what ends between them is in neither.
    const isRead = page.waitForResponse(/\/v1\/functions\/[^/]+\/logs\?/);
    await page.route("**/logs/stream*", async (route) => {
      await isRead;
      await client().invokeFunction("called", { n: "between" });
      await passTime(300);
      await route.continue();
    });
    await page.goto(`${manager.url}/functions/called/invocations`);
    await rows(page).getByText("call between").first().waitFor({ timeout: 5_000 });
    await page.close();
  });

  it("leads to the first call where there is none", async () => {
    const { page } = await open("", "silent");
    await page.getByText("It has not been invoked yet").waitFor();
    await page.getByRole("link", { name: "Invoke it" }).click();
    await page.getByRole("region", { name: "Invoke" }).waitFor();
    await page.close();
  });
});

/** Those with a call, without the heading and what is open. */
function rows(page: Page) {
  return page.getByRole("row").filter({ has: page.locator("button[aria-expanded]") });
}

function shows(page: Page, count: number) {
  return waitUntil(
    `${count} calls are shown`,
    async () => (await rows(page).count()) === count,
    15_000,
  );
}
