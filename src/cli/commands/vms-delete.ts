import { Command } from "commander";
import type { Cli } from "../cli.ts";

export function vmsDelete(cli: Cli): Command {
  return new Command("delete")
    .description("Stop a VM; its function starts another when it needs one")
    .argument("<vm>", "name or id")
    .action(async (id: string) => {
      const answer = await cli.client().deleteVm(id);
      cli.out.result(answer, () => `${answer.message}: ${id}`);
    });
}
