import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { imageTable } from "../image-table.ts";
import type { ImageServices } from "./images.ts";

export function imagesList(cli: Cli, compose: () => Promise<ImageServices>): Command {
  return new Command("list").description("List images").action(async () => {
    const items = await (await compose()).images.list();
    cli.out.result(items, () => imageTable(cli, items));
  });
}
