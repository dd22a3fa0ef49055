import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { vmsConsole } from "./vms-console.ts";
import { vmsDelete } from "./vms-delete.ts";
import { vmsGet } from "./vms-get.ts";
import { vmsList } from "./vms-list.ts";
import { vmsNetwork } from "./vms-network.ts";

export function vms(cli: Cli): Command {
  const command = new Command("vms").description("See and stop the VMs that functions run in");
  for (const verb of [vmsList, vmsGet, vmsNetwork, vmsConsole, vmsDelete])
    command.addCommand(verb(cli));
  return command;
}
