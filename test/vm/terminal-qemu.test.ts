import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { VmItem } from "../../src/api/vms.ts";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";
import { describeOnQemu } from "../support/vm-images.ts";
import { waitUntil } from "../support/wait-until.ts";

await describeOnQemu((images) => {
  describe("the console's terminal on a microVM", { skip: skipWithout("chromium") }, () => {
    let manager: TestManager;
    let browser: Browser;
    let stop: () => Promise<void>;
    let page: Page;
    let complaints: string[];
    let vm: VmItem;
    before(async () => {
      ({ manager, browser, stop } = await startConsole({ driver: "qemu", images }));
      const code = "exports.handler = () => 1;";
      await manager.deploy({ name: "inside", runtime: "node", code, min_vms: 1 });
      [vm] = (await manager.client.listVms()) as [VmItem];
      page = await browser.newPage();
      page.setDefaultTimeout(30_000);
      complaints = complaintsOf(page);
    });
    after(() => stop());

    /** What is on the screen, as a screen reader reads it. */
    const screen = async () =>
      (await page.locator(".xterm-accessibility-tree").innerText()).replaceAll("\u00a0", " ");
    const shows = async (text: string | RegExp) => {
      let shown = "";
      const holds = async () => {
        shown = await screen();
        return typeof text === "string" ? shown.includes(text) : text.test(shown);
      };
      const what = `the screen shows ${String(text)}`;
      await waitUntil(what, holds, 30_000).catch((error: unknown) => {
        throw new Error(`It shows ${JSON.stringify(shown)}`, { cause: error });
      });
    };
    const run = async (command: string) => {
      await page.keyboard.type(command);
      await page.keyboard.press("Enter");
    };
    let asked = 0;
    /** Rows and columns, and nothing left to come of the commands before. */
    const size = async () => {
      const answer = new RegExp(`^(\\d+ \\d+)\\s*\\nanswer ${++asked}$`, "m");
      await run(`clear; stty size; echo answer ${asked}`);
      await shows(answer);
      return answer.exec(await screen())?.[1];
    };

    it("logs in by itself, and runs the specification's checks", async () => {
      await page.goto(`${manager.url}/vms/${vm.id}`);
      await page.getByRole("tab", { name: "Terminal" }).click();
      await page.getByRole("button", { name: "Open a terminal" }).click();
      await page.getByLabel("Screen reader mode").check();
      await page.getByText("Connected", { exact: true }).waitFor();
      await page.getByRole("textbox", { name: "Terminal", exact: true }).focus();
      await shows("This VM runs one function");
      await run("rc-service runtime-server status");
      await shows(" * status: started");
      await assertAccessible(page);
    });

    it("is an editor's screen, and has the size of its place", async () => {
      const old = await size();
      await page.getByRole("button", { name: "Full height" }).click();
      await page.getByRole("textbox", { name: "Terminal", exact: true }).focus();
      await waitUntil("it has grown", async () => (await size()) !== old, 30_000);
      await run("cd /tmp; vi notes");
      await shows("1/1");
      await page.keyboard.type("ifrom the page");
      await page.keyboard.press("Escape");
      await shows("[Modified]");
      await run(":wq");
      await run("clear; cat notes; echo done");
      await shows(/^from the page\s*\n+done/m);
    });

    it("says why it ended when the VM goes", async () => {
      await manager.client.deleteVm(vm.id);
      await page.getByText(`The shell has ended: VM "${vm.name}" has gone.`).waitFor();
      assert.deepEqual(
        complaints.filter((text) => !text.includes("404")),
        [],
      );
    });
  });
});
