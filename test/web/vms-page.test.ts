import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { VmItem } from "../../src/api/vms.ts";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";
import { waitUntil } from "../support/wait-until.ts";

const code = `exports.handler = async ({ waitMs = 0, print = "", mib = 0 }) => {
  globalThis.held = Buffer.alloc(mib * 2 ** 20, 1);
  if (print) process.stdout.write(print + "\\n");
  await new Promise((resolve) => setTimeout(resolve, waitMs));
};`;

describe("the pages of VMs", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  let page: Page;
  let complaints: string[];
  let seenId: string;

  before(async () => {
    ({ manager, browser, stop } = await startConsole());
    const open = await browser.newPage();
    await open.goto(`${manager.url}/vms`);
    await open.getByRole("heading", { name: "No VM runs now" }).waitFor();
    await assertAccessible(open);
    await open.close();
    const seen = await manager.deploy({ name: "seen", runtime: "node", code, min_vms: 1 });
    seenId = seen.id;
    const python = "def handler(event, context):\n    return 1";
    await manager.deploy({
      name: "other",
      runtime: "python",
      code: python,
      min_vms: 2,
      max_vms: 2,
    });
    await waitUntil("all run", async () => (await manager.client.listVms()).length === 3, 20_000);
  });
  after(() => stop());
  beforeEach(async () => {
    page = await browser.newPage();
    complaints = complaintsOf(page);
  });
  afterEach(() => page.close());

  /** The VM of the function "seen". */
  const seenVm = async (): Promise<VmItem> => {
    let vm: VmItem | undefined;
    await waitUntil("its VM runs", async () => {
      const vms = await manager.client.listVms();
      vm = vms.find(({ function_id: id, state }) => id === seenId && state === "running");
      return vm !== undefined;
    });
    return vm ?? assert.fail();
  };

  it("lists all of them with what they are and use, and finds some", async () => {
    const vm = await seenVm();
    await page.goto(`${manager.url}/vms`);
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("link", { name: vm.name, exact: true }) });
    await row.getByText("Running").waitFor();
    await row.getByRole("link", { name: "seen", exact: true }).waitFor();
    await row.getByText(`${vm.guest_ip}:${vm.port}`).waitFor();
    await row.getByText("Revision 1").waitFor();
    // It is measured soon after its start, whoever looks, and the list is read anew.
    const memory = row.getByRole("meter", { name: `Memory of ${vm.name}` });
    await waitUntil(
      "its memory is known",
      async () => /^\d+\.\d MiB of 256$/.test((await memory.getAttribute("aria-valuetext")) ?? ""),
      20_000,
    );
    assert.ok(Number(await memory.getAttribute("aria-valuenow")) > 5);
    await assertAccessible(page);

    const rows = page.locator("tbody tr");
    assert.equal(await rows.count(), 3);
    await page.getByRole("combobox", { name: "Function" }).selectOption("other");
    assert.equal(await rows.count(), 2);
    await page.getByRole("searchbox", { name: "Find by name, function or address" }).fill("seen");
    await page.getByRole("button", { name: "Show all" }).click();
    assert.equal(await rows.count(), 3);
    await page
      .getByRole("searchbox", { name: "Find by name, function or address" })
      .fill(vm.guest_ip ?? "");
    await waitUntil("the others are hidden", async () => (await rows.count()) === 1);
    await page.getByRole("combobox", { name: "State" }).selectOption("Booting");
    await page.getByRole("heading", { name: "No VM is like that" }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it("has no list that is wider than a small screen", async () => {
    await page.setViewportSize({ width: 360, height: 700 });
    for (const path of ["/vms", `/vms/${(await seenVm()).id}`]) {
      await page.goto(manager.url + path);
      await page.locator(".badge", { hasText: "Running" }).first().waitFor();
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 360, path);
    }
  });

  it("shows one, by its name too: what it is, and figures that move", async () => {
    const vm = await seenVm();
    await page.goto(`${manager.url}/vms/${vm.name}`);
    await page.waitForURL(`${manager.url}/vms/${vm.id}`);
    const about = page.getByRole("region", { name: "About this VM" });
    await about.getByText(vm.id).waitFor();
    await about.getByText(String(vm.pid)).waitFor();
    await about.getByText("Isolation: none").waitFor();
    const chart = page.getByRole("region", { name: "Memory" }).locator("figcaption");
    const shown = async () => Number(/Host, ([\d.]+) MiB now/.exec(await chart.innerText())?.[1]);
    await waitUntil("its memory is charted", async () => (await shown()) > 0, 20_000);
    const held = await shown();
    await manager.client.invokeFunction("seen", { mib: 100 });
    await waitUntil("the chart has moved", async () => (await shown()) > held + 60, 10_000);
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
  });

  it("shows what it prints on its console, as it does", async () => {
    const vm = await seenVm();
    await page.goto(`${manager.url}/vms/${vm.id}`);
    await page.getByRole("tab", { name: "Console log" }).click();
    const log = page.getByRole("region", { name: "What it printed" });
    await log.getByText("runtime-server: listening").waitFor();
    await manager.client.invokeFunction("seen", { waitMs: 1, print: "<b>bold</b> words" });
    assert.equal(await log.locator("b").count(), 0);
    assert.ok(await page.getByRole("checkbox", { name: "Follow the end" }).isChecked());
    await page.reload();
    await log.waitFor();
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
  });

  it("says as the manager does that a process has no shell and no network of its own", async () => {
    const vm = await seenVm();
    await page.goto(`${manager.url}/vms/${vm.id}#network`);
    await page.getByText(`Cannot inspect the network of VM "${vm.name}"`).waitFor();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.getByRole("tab", { name: "Terminal" }).click();
    const open = page.getByRole("button", { name: "Open a terminal" });
    await open.waitFor();
    assert.ok(!asked.some((url) => url.includes("/shell")), "nothing is opened by itself");
    await open.click();
    await page
      .getByText(`Cannot open a shell in VM "${vm.name}": functions are processes`)
      .waitFor();
    assert.equal(await page.getByRole("alert").filter({ hasText: "shell" }).count(), 0);
    await assertAccessible(page);
    assert.ok(
      complaints.every((text) => text.includes("404")),
      complaints.join(),
    );
  });

  it("stops one when that is confirmed, and lets its calls finish", async () => {
    const vm = await seenVm();
    const call = manager.client.invokeFunction("seen", { waitMs: 4_000 });
    await page.goto(`${manager.url}/vms`);
    const stopButton = page.getByRole("button", { name: `Stop ${vm.name}`, exact: true });
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("link", { name: vm.name, exact: true }) });
    await row.getByRole("cell", { name: "1", exact: true }).waitFor();
    await stopButton.click();
    const dialog = page.getByRole("dialog", { name: `Stop ${vm.name}?` });
    await dialog.getByText("The call running in it may finish first").waitFor();
    await assertAccessible(page);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal((await manager.client.getVm(vm.id)).state, "running");
    await stopButton.click();
    await dialog.getByRole("button", { name: "Stop VM" }).click();
    await row.getByText("Stopping", { exact: true }).waitFor();
    await page.getByRole("button", { name: `Stop ${vm.name} (It is stopping already)` }).waitFor();
    assert.equal((await call).status, "success");
    await page.getByRole("link", { name: vm.name, exact: true }).waitFor({ state: "detached" });
  });

  it("keeps the last figures of one that goes, and says why it went", async () => {
    const vm = await seenVm();
    await page.goto(`${manager.url}/vms/${vm.id}`);
    const chart = page.getByRole("region", { name: "Memory" }).locator("figcaption");
    await waitUntil(
      "its memory is charted",
      async () => (await chart.innerText()).includes("MiB now"),
      20_000,
    );
    process.kill(vm.pid ?? 0, "SIGKILL");
    await page.getByText("This VM has gone.").waitFor();
    await page.getByText("It ended by itself").waitFor();
    assert.match(await chart.innerText(), /MiB now/);
    await page.getByRole("button", { name: "Stop VM (It has gone)" }).waitFor();
    await assertAccessible(page);
    await page.reload();
    await page.getByRole("heading", { name: "There is no such VM" }).waitFor();
    await page.getByText(`VM not found: "${vm.id}"`).waitFor();
    assert.ok(
      complaints.every((text) => text.includes("404")),
      complaints.join(),
    );
  });
});
