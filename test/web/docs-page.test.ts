import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startConsole } from "../support/console.ts";
import type { TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";
import { skipWithout } from "../support/test-tools.ts";

describe("the page /docs in Chromium", { skip: skipWithout("chromium") }, () => {
  let manager: TestManager;
  let browser: Browser;
  let stop: () => Promise<void>;
  before(async () => {
    ({ manager, browser, stop } = await startConsole());
    const code = "async function handler(event) { return { message: `Hello, ${event.name}!` }; }";
    await manager.deploy({ name: "hello", runtime: "node", code });
  });
  after(() => stop());

  /** Opens it from the manager's own address, and keeps what a user must never meet. */
  const open = async (colorScheme: "light" | "dark") => {
    const page = await browser.newPage({ colorScheme });
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(`${manager.url}/docs`);
    await page.getByText("List functions, newest first").waitFor();
    return { page, asked, complaints };
  };

  it("lists every operation of the document", async () => {
    const { page, complaints } = await open("light");
    assert.equal(new URL(page.url()).pathname, "/docs");
    const document = (await (await fetch(`${manager.url}/openapi.json`)).json()) as {
      readonly paths: Readonly<Record<string, object>>;
    };
    const wanted = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const listed = await page.locator(".opblock-summary").all();
    const shown = listed.map(async (summary) => {
      const method = await summary.locator(".opblock-summary-method").innerText();
      const path = await summary.locator("[data-path]").getAttribute("data-path");
      return `${method} ${path}`;
    });
    assert.deepEqual((await Promise.all(shown)).toSorted(), wanted.toSorted());
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("tries an operation and shows the answer, without a word to anybody else", async () => {
    const { page, asked, complaints } = await open("light");
    await page.getByText("Run a function with an event").click();
    await page.getByRole("button", { name: "Execute" }).click();
    const answer = page.locator(".live-responses-table");
    await answer.getByText("Hello, World!").waitFor();
    await answer.getByText("x-request-id").waitFor();
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(`${manager.url}/`) && !url.startsWith("data:")),
      [],
    );
    assert.ok(asked.includes(`${manager.url}/v1/functions/hello/invoke`));
    assert.deepEqual(complaints, []);
    assert.equal((await manager.client.listInvocations("hello")).total, 1);
    await page.close();
  });

  it("shows an error as the manager says it", async () => {
    const { page } = await open("light");
    await page.getByText("Get a function by id or name").click();
    await page.getByPlaceholder("id").fill("nobody");
    await page.getByRole("button", { name: "Execute" }).click();
    await page.locator(".live-responses-table").getByText("function_not_found").waitFor();
    await page.close();
  });

  it("is light or dark as the system is, also when that changes", async () => {
    const { page, complaints } = await open("dark");
    assert.ok((await brightness(page)) < 64);
    await page.emulateMedia({ colorScheme: "light" });
    await waitUntil("it is light", async () => (await brightness(page)) > 192);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it("lets nothing in that is not the manager's own", async () => {
    const { page } = await open("light");
    const refused: unknown = await page.evaluate(`new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      fetch("http://localhost:9/").catch(() => undefined);
    })`);
    assert.equal(refused, "connect-src");
    const { headers } = await fetch(`${manager.url}/docs`);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    await page.close();
  });
});

/** How bright the page is behind its text, 0 to 255. */
async function brightness(page: Page): Promise<number> {
  const color: string = await page.evaluate(
    "getComputedStyle(document.documentElement).backgroundColor",
  );
  const rgb = [...color.matchAll(/\d+/g)].map(([part]) => Number(part));
  return Math.max(...rgb.slice(0, 3));
}
