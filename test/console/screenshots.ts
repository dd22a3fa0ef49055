import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { launchBrowser } from "../support/browser.ts";
import { TestManager } from "../support/manager.ts";
import { sharedTestImages } from "../support/vm-images.ts";
import { samples, writeYesterday } from "./sample-functions.ts";

/*
 * npm run screenshots [-- --driver process] [--only TEXT]
 *
 * Pictures of every page of the console in both themes, into .firelet/screenshots; those that the
 * README shows go to docs/screenshots. The manager, its VMs and what is clicked are real; the calls
 * of the last day are made up, since nobody waits a day for a picture.
 */

/** A picture: where it is, and what is done before it is taken. */
interface Shot {
  readonly name: string;
  readonly path: string;
  readonly prepare?: (page: Page) => Promise<unknown>;
  /** The theme in which the README shows it. */
  readonly readme?: "light" | "dark";
}

const root = join(import.meta.dirname, "../..");
const folder = join(root, ".firelet/screenshots");
const readmeFolder = join(root, "docs/screenshots");
const themes = ["light", "dark"] as const;

const { values } = parseArgs({
  options: {
    driver: { type: "string", default: "qemu" },
    only: { type: "string", default: "" },
  },
});
const driver = values.driver === "process" ? "process" : "qemu";

/** Shows what is further down. */
const scrollTo = (heading: string) => (page: Page) =>
  page
    .getByRole("heading", { name: heading })
    .first()
    .evaluate((element) => element.scrollIntoView());

/** Tries the code with an event that it is made for. */
async function testCode(page: Page): Promise<void> {
  await page.getByLabel("Event").fill(JSON.stringify(samples[0]?.events[0], null, 2));
  await page.getByRole("button", { name: "Test" }).click();
  await page.getByRole("region", { name: "Result" }).waitFor();
}

/** Opens the call that failed last. */
async function openError(page: Page): Promise<void> {
  const row = page.getByRole("row").filter({ hasText: "Error" }).first();
  await row.getByRole("button").click();
}

async function watch(page: Page): Promise<void> {
  await page.waitForTimeout(20_000);
  await scrollTo("CPU")(page);
}

/** Looks around in a VM; VMs that are processes have no shell, and say so. */
async function useTerminal(page: Page): Promise<void> {
  await page.getByRole("tab", { name: "Terminal" }).click();
  await page.getByRole("button", { name: "Open a terminal" }).click();
  if (driver === "process") return;
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Full height" }).click();
  await page.getByRole("textbox", { name: "Terminal", exact: true }).focus();
  const commands = [
    "rc-service runtime-server status",
    "uname -a",
    "free -m",
    "tail -n 3 /var/log/runtime-server.log",
  ];
  for (const command of commands) {
    await page.waitForTimeout(500);
    await page.keyboard.type(`${command}\n`);
  }
}

/** Changes what is sent back, and looks at what is different. */
async function changeCode(page: Page): Promise<void> {
  const editor = page.getByRole("textbox", { name: "Code" });
  await editor.getByText("return", { exact: false }).first().click();
  await page.keyboard.press("Home");
  await page.keyboard.type("// What the customer pays.\n");
  await page.keyboard.press("Control+s");
  await page.getByRole("dialog").getByLabel("After").waitFor();
}

const shots: readonly Shot[] = [
  { name: "functions", path: "/functions", readme: "light" },
  { name: "new-function", path: "/functions/new" },
  { name: "function", path: "/functions/checkout-total" },
  {
    name: "statistics",
    path: "/functions/checkout-total",
    prepare: scrollTo("Statistics"),
    readme: "dark",
  },
  { name: "code", path: "/functions/checkout-total/code", prepare: testCode, readme: "light" },
  { name: "invocations", path: "/functions/checkout-total/invocations", prepare: openError },
  { name: "revisions", path: "/functions/checkout-total/revisions" },
  { name: "settings", path: "/functions/checkout-total/settings" },
  { name: "error", path: "/functions/translate-text" },
  { name: "vms", path: "/vms" },
  { name: "vm", path: "/vms/{vm}", prepare: watch, readme: "dark" },
  { name: "terminal", path: "/vms/{vm}", prepare: useTerminal, readme: "light" },
  {
    name: "difference",
    path: "/functions/checkout-total/code",
    prepare: changeCode,
    readme: "dark",
  },
  { name: "host", path: "/host" },
];

const dataDir = await mkdtemp(join(tmpdir(), "firelet-screenshots-"));
const images = driver === "qemu" ? { images: await sharedTestImages() } : {};
const start = () => TestManager.start({ driver, dataDir, watched: false, ...images });
let manager = await start();
try {
  for (const { request } of samples) {
    const { id } = await manager.client.createFunction(request);
    await manager.settled(id).catch(() => undefined);
  }
  // Only one may have the history open.
  await manager.stop();
  const store = await openSqliteStore(join(dataDir, "firelet.db"));
  await writeYesterday(store, new Date());
  await store.close();
  manager = await start();
  await callAll();
  await take();
} finally {
  await manager.stop();
  await rm(dataDir, { recursive: true });
}

/** Calls every function with each of its events, so that it has VMs and newest calls of its own. */
async function callAll(): Promise<void> {
  for (const { request, events } of samples) {
    for (const event of events) await manager.client.invokeFunction(request.name, event);
  }
}

async function take(): Promise<void> {
  const busy = setInterval(() => {
    void manager.client
      .invokeFunction("resize-image", { picture: "cat.jpg" })
      .catch(() => undefined);
  }, 700);
  const vms = await manager.client.listVms();
  const vm = vms.find(({ name }) => name.startsWith("fn-resize-image"))?.name ?? "";
  const browser = await launchBrowser();
  await Promise.all([folder, readmeFolder].map((path) => mkdir(path, { recursive: true })));
  try {
    for (const shot of shots.filter(({ name }) => name.includes(values.only))) {
      for (const colorScheme of themes) {
        const viewport = { width: 1280, height: 820 };
        const page = await browser.newPage({ colorScheme, viewport });
        await page.goto(manager.url + shot.path.replace("{vm}", vm));
        await page.locator("h1").waitFor();
        await shot.prepare?.(page);
        // Charts and lists come a moment after the page.
        await page.waitForTimeout(1_500);
        const file = join(folder, `${shot.name}-${colorScheme}.png`);
        await page.screenshot({ path: file });
        if (shot.readme === colorScheme) {
          await copyFile(file, join(readmeFolder, `${shot.name}.png`));
        }
        await page.close();
        console.log(file);
      }
    }
  } finally {
    clearInterval(busy);
    await browser.close();
  }
}
