import { Command } from "commander";
import type { Cli } from "../cli.ts";

export function functionsDelete(cli: Cli): Command {
  return new Command("delete")
    .description("Delete functions with their VMs and their history")
    .argument("<function...>", "names or ids")
    .action(async (ids: string[]) => {
      for (const id of ids) {
        const { message } = await cli.client().deleteFunction(id);
        if (!cli.out.json) cli.out.result(null, () => `${message}: ${id}`);
      }
      if (cli.out.json) cli.out.result({ deleted: ids }, () => "");
    });
}
