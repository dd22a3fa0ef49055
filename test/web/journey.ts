import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { complaintsOf } from "../support/axe.ts";
import { launchBrowser } from "../support/browser.ts";
import { TestManager, type ManagerOptions } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";

/** The main journey of somebody who has just installed Firelet, in a browser. */
export function journeySuite(options: ManagerOptions): void {
  const title = `the console's main journey on the ${options.driver} driver`;
  describe(title, { skip: skipWithout("chromium") }, () => {
    let manager: TestManager;
    let browser: Browser;
    let page: Page;
    let complaints: string[];
    before(async () => {
      [manager, browser] = await Promise.all([TestManager.start(options), launchBrowser()]);
      page = await browser.newPage();
      page.setDefaultTimeout(60_000);
      complaints = complaintsOf(page);
    });
    after(async () => {
      await browser.close();
      await manager.stop();
    });

    const button = (name: string | RegExp) => page.getByRole("button", { name });
    const tab = (name: string) =>
      page.getByRole("navigation", { name: "Of this function" }).getByRole("link", { name });
    const result = () => page.getByRole("region", { name: "Result" });
    const editor = () => page.getByRole("textbox", { name: "Code" });
    /** Writes over what is in the editor. */
    const write = async (code: string) => {
      await editor().click();
      await page.keyboard.press("Control+a");
      // As text that is pasted: what is typed has its brackets completed.
      await page.keyboard.insertText(code);
    };
    const deploy = async () => {
      await button("Review and deploy").click();
      await page.getByLabel("Difference").waitFor();
      await button("Deploy").click();
    };

    it("creates a function from a template, in two clicks from an empty install", async () => {
      await page.goto(manager.url);
      await page.getByText("Your first function is two clicks away").waitFor();
      await page.getByRole("link", { name: "New function" }).first().click();
      await page.getByLabel("Name", { exact: true }).fill("journey");
      await editor().waitFor();
      await button("Create and test").click();
      await result().getByText("Hello, World!").waitFor();
      await result().getByText("Success").waitFor();
      await page.getByRole("link", { name: "Open it" }).click();
      await page.getByRole("heading", { level: 1, name: "journey" }).waitFor();
      await page.getByText("Ready", { exact: true }).waitFor();
    });

    it("invokes it", async () => {
      await page.getByLabel("Event", { exact: true }).fill('{"name": ');
      await page.getByText(/^Not JSON: /).waitFor();
      assert.equal(await button(/^Invoke/).getAttribute("aria-disabled"), "true");
      await page.getByLabel("Event", { exact: true }).fill('{"name": "Ada"}');
      await button(/^Invoke/).click();
      await result().getByText("Hello, Ada!").waitFor();
      await result().getByText("Greeting Ada").waitFor();
    });

    it("keeps events that it is called with", async () => {
      await button("Save event").click();
      await page.getByLabel("Name", { exact: true }).fill("ada");
      await page.keyboard.press("Enter");
      await page.reload();
      await page.getByLabel("Event", { exact: true }).fill("{}");
      await page.getByLabel("Saved events").selectOption("ada");
      assert.equal(await page.getByLabel("Event", { exact: true }).inputValue(), '{"name": "Ada"}');
    });

    it("reads its history and logs", async () => {
      await tab("Invocations").click();
      const rows = page.getByRole("row").filter({ hasText: "Success" });
      await rows.nth(1).waitFor();
      assert.equal(await rows.count(), 2);
      await rows.first().getByRole("button").click();
      await page.getByLabel("Logs", { exact: true }).getByText("Greeting Ada").waitFor();
      await page.getByLabel("Response", { exact: true }).getByText("Hello, Ada!").waitFor();
      // What somebody else calls meanwhile appears by itself.
      await manager.client.invokeFunction("journey", { name: "Grace" });
      await page.getByText("Greeting Grace").waitFor();
    });

    it("breaks it, is told where, and goes on serving", async () => {
      await tab("Code").click();
      await write("async function handler(event) {\n  return {;\n}\n");
      // The editor sees that by itself, before anything is deployed.
      await page.locator(".cm-lint-marker-warning").waitFor();
      await deploy();
      await page.getByText("Revision 2 does not load.").waitFor();
      await page
        .getByText(/SyntaxError: .*handler\.js:2:/)
        .first()
        .waitFor();
      await page.locator(".cm-lint-marker-error").waitFor();
      const reply = await manager.client.invokeFunction("journey", { name: "still" });
      assert.deepEqual(reply.response, { message: "Hello, still!" });
    });

    it("fixes it, and has what it wrote after a reload", async () => {
      await write("async function handler(event) {\n  return { fixed: event.name };\n}\n");
      await page.getByText("Your changes are not deployed.").waitFor();
      await page.reload();
      await editor().getByText("fixed: event.name").waitFor();
      await button("Deploy and test").click();
      await result().getByText('"fixed": "Ada"').waitFor();
      await page.getByText("Revision 2 does not load.").waitFor({ state: "detached" });
    });

    it("is told where a call threw", async () => {
      await manager.client.invokeFunction("journey", null);
      await tab("Invocations").click();
      const row = page.getByRole("row").filter({ hasText: "Error" });
      await row.getByRole("button").click();
      await page
        .getByLabel("Error", { exact: true })
        .getByText(/handler\.js:2:/)
        .waitFor();
    });

    it("rolls back", async () => {
      await tab("Revisions").click();
      const rows = page.getByRole("list", { name: "Revisions" }).getByRole("listitem");
      await rows.nth(2).waitFor();
      await rows.filter({ hasText: "Failed" }).filter({ hasText: "Revision 2" }).waitFor();
      await rows.filter({ hasText: "Revision 1" }).getByRole("button").click();
      await page.getByLabel("Difference").waitFor();
      await button("Roll back to it").click();
      await rows.filter({ hasText: "Revision 4" }).filter({ hasText: "Serving" }).waitFor();
      const reply = await manager.client.invokeFunction("journey", { name: "again" });
      assert.deepEqual(reply.response, { message: "Hello, again!" });
    });

    it("deletes it, once its name is typed", async () => {
      await tab("Settings").click();
      await button("Delete …").click();
      const confirm = button(/^Delete it/);
      assert.equal(await confirm.getAttribute("aria-disabled"), "true");
      await page.getByLabel("Type “journey” to delete it").fill("journe");
      assert.equal(await confirm.getAttribute("aria-disabled"), "true");
      await page.getByLabel("Type “journey” to delete it").fill("journey");
      await confirm.click();
      await page.getByText("Your first function is two clicks away").waitFor();
      assert.deepEqual(await manager.client.listFunctions(), []);
    });

    it("has had nothing to complain of", () => {
      assert.deepEqual(complaints, []);
    });
  });
}
