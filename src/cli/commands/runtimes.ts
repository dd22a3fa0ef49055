import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import { table } from "../table.ts";

export function runtimes(cli: Cli): Command {
  return new Command("runtimes")
    .description("List the languages that functions can be written in")
    .option("--template <runtime>", "print a function to start from")
    .addHelpText("after", "\nExample:\n  firelet runtimes --template python > hello.py")
    .action(async (options: { template?: string }) => {
      const items = await cli.client().listRuntimes();
      const wanted = items.find(({ name }) => name === options.template);
      if (options.template !== undefined && !wanted) {
        const names = items.map(({ name }) => name).join(", ");
        throw new CliError(
          `Cannot print a template: found runtime "${options.template}", wanted one of ${names}`,
          exitCodes.usage,
        );
      }
      if (wanted && !cli.out.json) return cli.out.raw(wanted.template);
      cli.out.result(wanted ?? items, () =>
        table(
          items,
          [
            { title: "NAME", value: ({ name }) => name },
            { title: "INTERPRETER", value: ({ interpreter }) => interpreter },
            { title: "FILES", value: ({ extensions }) => extensions.join(" ") },
            { title: "IMAGE", value: ({ image_digest }) => image_digest ?? "-" },
          ],
          cli.out.width,
        ),
      );
    });
}
