import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { imageTable } from "../image-table.ts";
import { installMissing, withProgress } from "../prepare-machine.ts";
import type { ImageServices } from "./images.ts";

export function imagesBuild(cli: Cli, compose: () => Promise<ImageServices>): Command {
  return new Command("build")
    .description("Build images; quick where nothing changed")
    .argument("[runtime...]", "runtimes; all where none is named")
    .option("--yes", "install missing system packages without asking")
    .action(async (runtimes: string[], { yes = false }: { yes?: boolean }) => {
      const { images, installer } = await compose();
      await installMissing(cli, images.missingTools(), { installer, yes });
      const built = await withProgress(cli, "Building images", (report) =>
        images.build(runtimes, report),
      );
      cli.out.result(built, () => imageTable(cli, built));
    });
}
