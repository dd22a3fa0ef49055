import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { passTime } from "./wait-until.ts";

/** What somebody could not use who sees little, or types instead of pointing. */
const grave = new Set(["serious", "critical"]);

/** Fails where axe finds something grave on the page as it is now, in light and in dark. */
export async function assertAccessible(page: Page): Promise<void> {
  // A script of the page's own is not allowed; what is evaluated comes from outside of it.
  await page.evaluate(axe.source);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    let found = await graveViolations(page);
    // Not everything has its new colours in the first frame.
    for (let tries = 0; found.length > 0 && tries < 5; tries += 1) {
      await passTime(200);
      found = await graveViolations(page);
    }
    assert.deepEqual(found, [], `axe on ${page.url()}, ${colorScheme}`);
  }
}

async function graveViolations(page: Page) {
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact !== null && impact !== undefined && grave.has(impact))
    .map(({ id, nodes }) => ({
      id,
      where: nodes.map(({ html, failureSummary }) => [html, failureSummary]),
    }));
}

/**
 * What a page must never have: errors, and what its content security policy forbids. Chromium drops
 * what it loads where an address of this host comes or goes, as those of other tests' VMs do; what
 * fails to load then, and what is asked for again too late, is not the page's doing.
 */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  let hostHasChanged = false;
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const text = message.text();
    hostHasChanged ||= text.includes("net::ERR_NETWORK_CHANGED");
    if (hostHasChanged && text.startsWith("Failed to load resource")) return;
    complaints.push(text);
  });
  return complaints;
}
