import type { Browser } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { TestManager } from "./manager.ts";

/** A manager, whose console is on `/`, and a browser to look at it with. */
interface ConsoleUnderTest {
  readonly manager: TestManager;
  readonly browser: Browser;
  readonly stop: () => Promise<void>;
}

/** Starts both; on VMs that are processes where nothing else is said. */
export async function startConsole(
  options: Parameters<typeof TestManager.start>[0] = { driver: "process" },
): Promise<ConsoleUnderTest> {
  const [manager, browser] = await Promise.all([TestManager.start(options), launchBrowser()]);
  const stop = async () => {
    await browser.close();
    await manager.stop();
  };
  return { manager, browser, stop };
}
