import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import { describeFinding } from "../host-findings.ts";
import type { HostFinding } from "../machine.ts";
import type { HostServices } from "./host.ts";

interface SetupFlags {
  readonly fix?: boolean;
  readonly firecrackerArchive?: string;
}

export function hostSetup(cli: Cli, compose: () => Promise<HostServices>): Command {
  return new Command("setup")
    .description("Say what on this machine is not as VMs want it; with --fix, change that")
    .option("--fix", "do what is said to be done")
    .option(
      "--firecracker-archive <file>",
      "install Firecracker from this file, which is checked as one that is downloaded",
    )
    .addHelpText(
      "after",
      "\nChanges nothing without --fix, and what needs a decision not even then. The exit code is 1\nwhere something keeps VMs from running under KVM. More: docs/production.md",
    )
    .action(async ({ fix = false, firecrackerArchive: archive }: SetupFlags) => {
      const host = await compose();
      const found = await host.findings(archive);
      const open = found.filter(({ steps }) => steps.length > 0);
      if (!fix) return report(cli, found, open.length > 0);
      const why = host.whyNotFix();
      if (why !== null) throw new CliError(`Cannot set this machine up: ${why}`);
      for (const finding of open) await setUp(cli, finding);
      report(cli, await host.findings(archive), false);
    });
}

async function setUp({ out }: Cli, finding: HostFinding): Promise<void> {
  const { name, steps } = finding;
  out.note(`${name}: ${steps.join("; ")}`);
  try {
    await finding.fix();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // The others may be done all the same.
    out.note(`${out.paint("yellow", "Warning")}: ${name} stays as it is: ${why}`);
  }
}

function report(cli: Cli, found: readonly HostFinding[], hint: boolean): void {
  cli.out.result(found, () =>
    [
      ...found.map((finding) => describeFinding(cli, finding)),
      ...(hint ? ["To do all of this: firelet host setup --fix"] : []),
    ].join("\n"),
  );
  if (found.some(({ state }) => state === "bad")) cli.exitWith(exitCodes.failed);
}
