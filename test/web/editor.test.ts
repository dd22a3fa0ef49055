import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { templatesOf } from "../../web/src/pages/editor/templates.ts";
import { assertAccessible, complaintsOf } from "../support/axe.ts";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";
import { skipWithout } from "../support/test-tools.ts";

const greet = (word: string) =>
  `exports.handler = (event) => {\n  console.log("said");\n  return "${word}" + process.env.MARK;\n};\n`;

describe("writing functions in the console", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
  });
  after(() => stop());

  /** A function that answers "one!" by a page of the console, and what is on that page. */
  const open = async (path: string, width = 1280) => {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    page.setDefaultTimeout(20_000);
    const complaints = complaintsOf(page);
    await page.goto(manager.url + path);
    return { page, complaints, ...partsOf(page) };
  };
  const deploy = (name: string, fields: object = {}) =>
    manager.deploy({ name, runtime: "node", code: greet("one"), env: { MARK: "!" }, ...fields });

  it("creates a function with a free name, and says how far it is", async () => {
    await deploy("hello");
    const { page, complaints, button, editor, result } = await open("/functions/new");
    await editor.waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "hello-2");
    await page.getByLabel("Runtime").selectOption({ label: await pythonOf(manager) });
    await page.getByLabel("Begin with").selectOption("Data processing");
    await editor.getByText("from statistics import").waitFor();
    await page.getByLabel("Name", { exact: true }).fill("hello");
    await page
      .locator(".field .problem", { hasText: "There is a hello already; hello-2 is free" })
      .waitFor();
    assert.equal(await button("Create and test").getAttribute("aria-disabled"), "true");
    await page.getByLabel("Name", { exact: true }).fill("Numbers");
    await page
      .locator(".field .problem", { hasText: "A name begins with a letter from a to z" })
      .waitFor();
    await page.getByLabel("Name", { exact: true }).fill("numbers");
    await button("Create and test").click();
    await page.getByRole("status").getByRole("list", { name: "Deploy" }).waitFor();
    await result.getByText('"median": 2.5').waitFor();
    await page.getByText("numbers is ready.").waitFor();
    await assertAccessible(page);
    // Nothing of it is left for the next one.
    await page.getByRole("link", { name: "Open it" }).click();
    await page.getByRole("heading", { level: 1, name: "numbers" }).waitFor();
    await page.goto(`${manager.url}/functions/new`);
    await editor.getByText("Greeting").waitFor();
    assert.equal(await button("Discard").count(), 0);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("shows at its field what the manager has against it, and keeps it over a reload", async () => {
    const { page, button, editor, write } = await open("/functions/new");
    await write("exports.handler = () => 'kept';");
    await page.getByLabel("Name", { exact: true }).fill("refused");
    await page.getByLabel("Memory, MiB").fill("1");
    await button("Create", true).click();
    await page.locator(".field .problem", { hasText: "want at least 128" }).waitFor();
    await page.reload();
    await editor.getByText("'kept'").waitFor();
    assert.equal(await page.getByLabel("Memory, MiB").inputValue(), "1");
    // Another template asks before it takes the place of what is written.
    await page.getByLabel("Begin with").selectOption("TypeScript");
    await button("Keep mine").click();
    await editor.getByText("'kept'").waitFor();
    assert.equal(await page.getByLabel("Begin with").inputValue(), "Hello");
    await page.getByLabel("Begin with").selectOption("TypeScript");
    await button("Replace it").click();
    await editor.getByText("interface Event").waitFor();
    await button("Discard").click();
    await editor.getByText("Greeting").waitFor();
    await page.close();
  });

  it("keeps what is written while it is created, and asks before its settings are lost", async () => {
    const { page, button, editor, write } = await open("/functions/new");
    await page.getByLabel("Name", { exact: true }).fill("slowly");
    await write("exports.handler = () => 'first';");
    const written = Promise.withResolvers<void>();
    await page.route("**/v1/functions", async (route) => {
      await written.promise;
      await route.continue();
    });
    await button("Create", true).click();
    await write("exports.handler = () => 'second';");
    await page.getByLabel("Memory, MiB").fill("512");
    written.resolve();
    await page.getByText("slowly is ready.").waitFor();
    await editor.getByText("'second'").waitFor();
    assert.equal((await manager.client.invokeFunction("slowly")).response, "first");
    await page.getByRole("link", { name: "Open it" }).click();
    await button("Stay").click();
    await button("Deploy again").click();
    await waitUntil("it is deployed", async () => {
      const { memory_mb: memory, state } = await manager.client.getFunction("slowly");
      return memory === 512 && state === "ready";
    });
    await page.getByRole("link", { name: "Open it" }).click();
    await page.getByRole("heading", { level: 1, name: "slowly" }).waitFor();
    await page.close();
  });

  it("marks a new function's load error, and keeps what is changed then as its draft", async () => {
    const { page, button, editor, write } = await open("/functions/new");
    await page.getByLabel("Name", { exact: true }).fill("thrower");
    await page.getByLabel("Handler").fill("app.main");
    await write("exports.main = () => 1;\n\nthrow new Error('at load');");
    await button("Create", true).click();
    await page.getByText("It does not load.").waitFor();
    assert.equal(await markedLine(page), "3");
    await write("exports.main = () => 'mended';");
    await page.locator(".cm-lint-marker-error").waitFor({ state: "detached" });
    await page.goto(`${manager.url}/functions/thrower/code`);
    await editor.getByText("'mended'").waitFor();
    await button("Deploy and test").click();
    await page.getByRole("region", { name: "Result" }).getByText('"mended"').waitFor();
    await page.close();
  });

  for (const [runtime, code, line] of [
    ["node", "exports.handler = () => {\n  return { a: ;\n};\n", "2"],
    ["python", "x = 1\n\ndef handler(event)\n    return {}\n", "3"],
  ] as const) {
    it(`marks a syntax error of ${runtime} before anything is deployed`, async () => {
      const name = `broken-${runtime}`;
      await manager.deploy({
        name,
        runtime,
        code: own(await manager.client.listRuntimes(), runtime),
      });
      const { page, write, editor } = await open(`/functions/${name}/code`);
      await editor.waitFor();
      await page.locator(".cm-lint-marker").waitFor({ state: "detached" });
      await write(code);
      await page.locator(".cm-lint-marker-warning").first().waitFor();
      assert.equal(await markedLine(page), line);
      assert.equal((await manager.client.getFunction(name)).revision, 1);
      await page.close();
    });
  }

  it("sees no error in TypeScript", async () => {
    const code = templatesOf("node").find(({ name }) => name === "TypeScript")?.code ?? "";
    await manager.deploy({ name: "typed", runtime: "node", code });
    const { page, write } = await open("/functions/typed/code");
    await write(`${code}\nlet last: = ;`);
    await page.locator(".cm-lint-marker-warning").waitFor();
    await write(`${code}\nlet last: Event | undefined;`);
    await page.locator(".cm-lint-marker-warning").waitFor({ state: "detached" });
    await page.close();
  });

  it("shows the difference from what serves before it deploys, by keyboard alone", async () => {
    await deploy("reviewed");
    const { page, complaints, editor, write, dialog, result } = await open(
      "/functions/reviewed/code",
    );
    await write(greet("two"));
    await page.keyboard.press("Control+s");
    await dialog.getByLabel("Before").getByText('"one"').waitFor();
    await dialog.getByLabel("After").getByText('"two"').waitFor();
    await dialog.getByText("From revision 1, which serves.").waitFor();
    await assertAccessible(page);
    assert.equal((await manager.client.getFunction("reviewed")).revision, 1);
    await dialog.getByRole("button", { name: "Deploy" }).press("Enter");
    await page.getByText("Revision 2 serves").first().waitFor();
    await page.getByRole("button", { name: "Test", exact: true }).waitFor();
    await editor.focus();
    await page.keyboard.press("Control+Enter");
    await result.getByText('"two!"').waitFor();
    await result.getByText("said").waitFor();
    assert.equal((await manager.client.getFunction("reviewed")).revision, 2);
    // Escape, then Tab goes on from the editor.
    await editor.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await editor.evaluate((element) => element.matches(":focus")), false);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("shows the difference in one column where there is no room for two", async () => {
    await deploy("narrow");
    const { page, button, write, dialog } = await open("/functions/narrow/code", 600);
    await write(greet("two"));
    await button("Review and deploy").click();
    await dialog.getByLabel("Changes").getByText('"two"').waitFor();
    await dialog.locator(".cm-deletedChunk").getByText('"one"').waitFor();
    assert.equal(await dialog.getByLabel("Before").count(), 0);
    await assertAccessible(page);
    await page.close();
  });

  it("edits handler and environment beside the code, and changes nothing else", async () => {
    const code = `${greet("one")}exports.other = () => "other" + process.env.MARK + process.env.ADDED;`;
    await deploy("entry", { code });
    const { page, button, dialog, result } = await open("/functions/entry/code");
    await page.getByLabel("Handler", { exact: true }).fill("handler.other");
    await button("Add a variable").click();
    await page.getByLabel("Name of variable 2").fill("1ST");
    await page.getByText("“1ST” is no name").waitFor();
    await page.getByLabel("Name of variable 2").fill("ADDED");
    await page.getByLabel("Value of variable 2").fill("+");
    await button("Review and deploy").click();
    const changes = dialog.getByRole("list", { name: "Changed settings" }).getByRole("listitem");
    assert.deepEqual((await changes.allInnerTexts()).map(words), [
      "Handler handler becomes handler.other",
      "ADDED not set becomes +",
    ]);
    await dialog.getByText("The code is the same.").waitFor();
    await button("Back to the editor").click();
    // What somebody sets elsewhere meanwhile is not taken back by what is deployed here.
    await manager.client.updateFunction("entry", { code: `${code}\n// by another` });
    await page.getByText("Meanwhile somebody has deployed revision 2.").waitFor();
    await button("Deploy and test").click();
    await result.getByText('"other!+"').waitFor();
    const now = await manager.client.getFunction("entry");
    assert.match(now.code, /by another/);
    assert.equal(now.revision, 3);
    await page.close();
  });

  it("goes on serving, marks the line, and takes the same error twice", async () => {
    await deploy("failing");
    const { page, button, write, dialog } = await open("/functions/failing/code");
    for (const revision of [2, 3]) {
      // Only a comment is another: the guest says the very same of both.
      await write(`const n = 1; // ${revision}\nnull.x;\nexports.handler = () => n;`);
      await button("Review and deploy").click();
      // What is compared with is what serves, not what did not load.
      await dialog.getByLabel("Before").getByText('"one"').waitFor();
      await dialog.getByRole("button", { name: "Deploy" }).click();
      await page.getByText(`Revision ${revision} does not load.`).waitFor();
      await page.getByText("Revision 1 goes on serving.").waitFor();
      assert.equal(await markedLine(page), "2");
    }
    assert.equal((await manager.client.invokeFunction("failing")).response, "one!");
    await page.close();
  });

  it("keeps what is written while it deploys, and each function's own draft", async () => {
    await deploy("slow", { code: greet("slow") });
    await deploy("other", { code: greet("other") });
    const { page, button, editor, write } = await open("/functions/slow/code");
    await write(`const until = Date.now() + 1500; while (Date.now() < until);\n${greet("two")}`);
    await button("Deploy and test").click();
    await page.getByText(/Deploying revision 2/).waitFor();
    await write(greet("three"));
    await page.getByRole("region", { name: "Result" }).getByText('"two!"').waitFor();
    await editor.getByText('"three"').waitFor();
    await page.getByText("Your changes are not deployed.").waitFor();
    assert.equal(await page.getByText("Meanwhile somebody").count(), 0);
    // Both functions are known by now: nothing is loaded between the two pages.
    await page.getByRole("link", { name: "Functions" }).first().click();
    await page.getByRole("link", { name: "other", exact: true }).click();
    await page.getByRole("link", { name: "Code" }).click();
    await editor.getByText('"other"').waitFor();
    await page.goBack();
    await page.goBack();
    await page.goBack();
    await editor.getByText('"three"').waitFor();
    await page.reload();
    await editor.getByText('"three"').waitFor();
    await button("Discard").click();
    await editor.getByText('"two"').waitFor();
    await page.reload();
    await editor.getByText('"two"').waitFor();
    await page.close();
  });

  it("lists revisions with what became of them, and rolls back, live", async () => {
    const { id } = await deploy("past");
    await manager.client.updateFunction(id, { code: "throw new Error('at load');" });
    await manager.settled(id);
    await manager.client.updateFunction(id, { code: greet("three"), env: { MARK: "?" } });
    await manager.settled(id);
    const { page, complaints, button, dialog } = await open("/functions/past/revisions");
    const row = (revision: number) =>
      page
        .getByRole("list", { name: "Revisions" })
        .getByRole("listitem")
        .filter({ has: page.getByRole("heading", { name: `Revision ${revision}`, exact: true }) });
    await row(3).getByText("Serving").waitFor();
    await row(2).getByText("Failed").waitFor();
    await row(2).getByText("never served").waitFor();
    await row(1)
      .getByText(/first served/)
      .waitFor();
    await row(2).getByRole("button").click();
    await dialog.getByText("Error: at load").waitFor();
    await button("Close").click();
    await row(1).getByRole("button").click();
    await dialog.getByText("From revision 3, which serves, to this one.").waitFor();
    await dialog.getByLabel("After").getByText('"one"').waitFor();
    assert.equal(words(await dialog.getByRole("listitem").innerText()), "MARK ? becomes !");
    await assertAccessible(page);
    await button("Roll back to it").click();
    await row(4).getByText("Serving").waitFor();
    assert.equal((await manager.client.invokeFunction(id)).response, "one!");
    await row(4).getByRole("button").click();
    await dialog.getByText("This is its code.").waitFor();
    await dialog.getByText('"one"').waitFor();
    await button("Close").click();
    // What another client deploys appears by itself, and what failed can be tried again.
    await manager.client.updateFunction(id, { code: "throw new Error('once more');" });
    await row(5).getByText("Failed").waitFor();
    await row(5).getByRole("button").click();
    await button("Deploy it again").click();
    await row(6).getByText("Failed").waitFor();
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("has templates that all work", async () => {
    for (const runtime of await manager.client.listRuntimes()) {
      for (const [index, template] of templatesOf(runtime.name, runtime.template).entries()) {
        const what = `${template.name} of ${runtime.name}`;
        const name = `template-${runtime.name}-${index}`;
        const { id } = await manager.deploy({ name, runtime: runtime.name, code: template.code });
        // Tests have no Internet; the manager is a page too.
        const here = { url: `${manager.url}/health` };
        const event = template.name === "HTTP request" ? here : template.event;
        const reply = await manager.client.invokeFunction(id, event);
        assert.equal(reply.status, "success", `${what}: ${reply.error}`);
        await manager.client.deleteFunction(id);
      }
    }
  });
});

function partsOf(page: Page) {
  const editor = page.getByRole("textbox", { name: "Code" });
  return {
    editor,
    dialog: page.getByRole("dialog"),
    result: page.getByRole("region", { name: "Result" }),
    button: (name: string, exact = false) => page.getByRole("button", { name, exact }),
    /** Writes over what is in the editor, as text that is pasted. */
    write: async (code: string) => {
      await editor.click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(code);
    },
  };
}

/** A text as it is read out: without its arrows and ends of lines. */
function words(text: string): string {
  return text.replaceAll(/[\s→]+/g, " ").trim();
}

/** The number beside the first line with a mark. */
async function markedLine(page: Page): Promise<string> {
  const marker = page.locator(".cm-lint-marker").first();
  await marker.waitFor();
  let line = "";
  await waitUntil("the mark is beside a line", async () => {
    const at = await marker.boundingBox();
    const numbers = await page.locator(".cm-lineNumbers .cm-gutterElement").all();
    for (const number of numbers) {
      const box = await number.boundingBox();
      const middle = at === null ? 0 : at.y + at.height / 2;
      if (box === null || middle < box.y || middle >= box.y + box.height) continue;
      line = await number.innerText();
    }
    return line !== "";
  });
  return line;
}

async function pythonOf(manager: TestManager): Promise<string> {
  const runtimes = await manager.client.listRuntimes();
  return runtimes.find(({ name }) => name === "python")?.interpreter ?? "";
}

function own(
  runtimes: readonly { readonly name: string; readonly template: string }[],
  wanted: string,
): string {
  return runtimes.find(({ name }) => name === wanted)?.template ?? "";
}
