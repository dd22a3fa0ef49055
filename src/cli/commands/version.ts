import { Command } from "commander";
import type { Cli } from "../cli.ts";

export function version(cli: Cli, firelet: string): Command {
  return new Command("version").description("Print the version").action(() => {
    const versions = { firelet, node: process.versions.node };
    cli.out.result(versions, () => `Firelet ${firelet}, on Node ${versions.node}`);
  });
}
