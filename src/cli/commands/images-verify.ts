import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ImageServices } from "./images.ts";

export function imagesVerify(cli: Cli, compose: () => Promise<ImageServices>): Command {
  return new Command("verify")
    .description("Check that images are as they were built, byte by byte")
    .action(async () => {
      const items = await (await compose()).images.verify();
      const { out } = cli;
      out.result(items, () =>
        items
          .flatMap(({ runtime, problems }) =>
            problems.length === 0
              ? [`${out.paintResult("green", "✔")} ${runtime}`]
              : problems.map((problem) => `${out.paintResult("red", "✖")} ${runtime}: ${problem}`),
          )
          .join("\n"),
      );
      if (items.some(({ problems }) => problems.length > 0)) cli.exitWith(exitCodes.failed);
    });
}
