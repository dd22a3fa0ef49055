import type { Cli } from "./cli.ts";
import { CliError } from "./exit-codes.ts";
import type { ImageTools, MissingTool, PackageInstaller, Report } from "./machine.ts";

/**
 * Installs the packages of missing tools, once somebody agreed to it: asks on a terminal, takes
 * `yes` or the absence of a terminal for agreement. Rejects with what to type where it may not.
 */
export async function installMissing(
  cli: Cli,
  missing: readonly MissingTool[],
  { installer, yes }: { installer: PackageInstaller; yes: boolean },
): Promise<void> {
  if (missing.length === 0) return;
  const { out } = cli;
  const packages = [...new Set(missing.map((tool) => tool.package))];
  out.note(`Missing system packages:`);
  for (const name of packages) {
    const uses = new Set(missing.filter((tool) => tool.package === name).map(({ why }) => why));
    out.note(`  ${out.paint("bold", name)}  ${[...uses].join("; ")}`);
  }
  const command = installer.command(packages);
  const why = installer.whyNot();
  if (why !== null) {
    throw new CliError(
      `Cannot install packages: ${why}. Run this as root, then try again:\n  ${command}`,
    );
  }
  if (!yes && cli.stdin.isTTY && out.interactive && !(await ask(`Install them? (${command})`))) {
    throw new CliError(`Cannot go on without these packages. Install them with:\n  ${command}`);
  }
  await withProgress(cli, "Installing packages", (report) => installer.install(packages, report));
}

/**
 * Builds the images that are not there or that a newer Firelet makes differently; where nothing has
 * changed this takes a moment.
 */
export async function prepareImages(cli: Cli, images: ImageTools): Promise<void> {
  await withProgress(cli, "Preparing runtime images", (report) => images.build([], report));
}

/** Runs a long step with its name, its progress and the time it took on standard error. */
export async function withProgress<T>(
  { out }: Cli,
  title: string,
  step: (report: Report) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const took = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  if (!out.interactive) {
    out.note(`${title} …`);
    const result = await step(reportNowAndThen((text) => out.note(`  ${text}`)));
    out.note(`${title}: done in ${took()}`);
    return result;
  }
  const { spinner } = await import("@clack/prompts");
  const spin = spinner({ output: process.stderr, indicator: "timer" });
  spin.start(title);
  try {
    const result = await step((doing, percent) =>
      spin.message(
        percent === undefined ? `${title}: ${doing}` : `${title}: ${percent} % ${doing}`,
      ),
    );
    spin.stop(`${title}: done in ${took()}`);
    return result;
  } catch (error) {
    spin.error(`${title}: failed after ${took()}`);
    throw error;
  }
}

/** In a log: a line for every tenth, for every step without a percentage, and every few seconds. */
function reportNowAndThen(line: (text: string) => void): Report {
  const intervalMs = 5000;
  let tenth = -1;
  let saidAtMs = 0;
  return (doing, percent) => {
    const now = performance.now();
    const due = percent === undefined || Math.floor(percent / 10) !== tenth;
    if (!due && now - saidAtMs < intervalMs) return;
    saidAtMs = now;
    if (percent !== undefined) tenth = Math.floor(percent / 10);
    line(percent === undefined ? doing : `${percent} % ${doing}`);
  };
}

async function ask(message: string): Promise<boolean> {
  const { confirm } = await import("@clack/prompts");
  return (await confirm({ message, output: process.stderr })) === true;
}
