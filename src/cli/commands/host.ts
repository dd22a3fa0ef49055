import { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { HostFinding } from "../machine.ts";
import { hostSetup } from "./host-setup.ts";

/** What the host commands compose. */
export interface HostServices {
  /**
   * Looks at everything of this host that matters to VMs. Firecracker would be installed from
   * `archive`, the path of its release; undefined is the one that it is published at.
   */
  findings(archive?: string): Promise<readonly HostFinding[]>;
  /** Why nothing can be changed from here; null where it can. */
  whyNotFix(): string | null;
}

export function host(cli: Cli, compose: () => Promise<HostServices>): Command {
  return new Command("host")
    .description("Check this machine for production, and set it up; needs no manager")
    .addCommand(hostSetup(cli, compose));
}
