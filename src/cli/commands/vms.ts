import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { vmsConsole } from "./vms-console.ts";
import { vmsDelete } from "./vms-delete.ts";
import { vmsGet } from "./vms-get.ts";
import { vmsList } from "./vms-list.ts";
import { vmsMetrics } from "./vms-metrics.ts";
import { vmsNetwork } from "./vms-network.ts";
import { vmsShell } from "./vms-shell.ts";

export function vms(cli: Cli): Command {
  const command = new Command("vms").description(
    "See, look into and stop the VMs that functions run in",
  );
  const verbs = [vmsList, vmsGet, vmsMetrics, vmsNetwork, vmsConsole, vmsShell, vmsDelete];
  for (const verb of verbs) command.addCommand(verb(cli));
  return command;
}
