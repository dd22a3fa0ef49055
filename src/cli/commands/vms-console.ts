import { Command } from "commander";
import type { Cli } from "../cli.ts";

export function vmsConsole(cli: Cli): Command {
  return new Command("console")
    .description("Print the end of a VM's console")
    .argument("<vm>", "name or id")
    .action(async (id: string) => {
      const text = await cli.client().readVmConsole(id);
      cli.out.result({ console: text }, () =>
        cli.out.guestText(text.replaceAll("\r", "")).trimEnd(),
      );
    });
}
