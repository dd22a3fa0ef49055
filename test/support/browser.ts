import { chromium, type Browser } from "playwright-core";
import { findProgram } from "../../src/os/find-program.ts";

/** Root has no sandbox; the rest keeps the browser from asking anybody anything by itself. */
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Debian's Chromium; tests skip where `skipWithout("chromium")` says that there is none. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findProgram("chromium") ?? "", args: flags });
}
