import { Command } from "commander";
import type { DriverItem } from "../../api/host.ts";
import type { Cli } from "../cli.ts";
import { exitCodes } from "../exit-codes.ts";
import { describeFinding } from "../host-findings.ts";
import type { DriverReport } from "../machine.ts";

export function doctor(cli: Cli, probe: () => Promise<DriverReport>): Command {
  return new Command("doctor")
    .description("Find out, by starting them, which drivers can run VMs on this machine")
    .addHelpText("after", "\nNeeds no manager. The exit code is 1 where `up` would find no driver.")
    .action(async () => {
      cli.out.status("Starting a VM with every driver …");
      const report = await probe();
      cli.out.result(report, () => describe(cli, report));
      if (report.choice === null) cli.exitWith(exitCodes.failed);
    });
}

function describe(cli: Cli, { drivers, choice, network, host }: DriverReport): string {
  const chosen = choice
    ? `firelet up takes ${choice.driver}: ${choice.reason}`
    : "firelet up finds no driver that isolates functions; --driver process runs them without isolation";
  return [
    ...drivers.map((driver) => describeDriver(cli, driver)),
    describeNetwork(cli, network),
    host.map((finding) => describeFinding(cli, finding)).join("\n"),
    chosen,
  ].join("\n\n");
}

function describeNetwork({ out }: Cli, { kind, notes }: DriverReport["network"]): string {
  const good = kind === "namespace";
  const mark = good ? out.paintResult("green", "✔") : out.paintResult("yellow", "!");
  const what = good
    ? "a namespace for each VM; functions connect to what their egress policy allows"
    : "VMs have no namespaces of their own";
  return [`${mark} network: ${what}`, ...notes.map((note) => `    ${note}`)].join("\n");
}

function describeDriver({ out }: Cli, driver: DriverItem): string {
  if (!driver.usable) {
    return [
      `${out.paintResult("red", "✖")} ${driver.driver}: not usable`,
      `    ${driver.reason}`,
      `    To use it: ${driver.remedy}`,
    ].join("\n");
  }
  return [
    `${out.paintResult("green", "✔")} ${driver.driver}: ${driver.version}`,
    `    accelerator ${driver.accelerator}, isolation ${driver.isolation}`,
    ...driver.notes.map((note) => `    ${note}`),
  ].join("\n");
}
