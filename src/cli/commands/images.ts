import { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { ImageTools, PackageInstaller } from "../machine.ts";
import { imagesBuild } from "./images-build.ts";
import { imagesList } from "./images-list.ts";
import { imagesVerify } from "./images-verify.ts";

/** What the image commands compose. */
export interface ImageServices {
  readonly images: ImageTools;
  readonly installer: PackageInstaller;
}

export function images(cli: Cli, compose: () => Promise<ImageServices>): Command {
  return new Command("images")
    .description("Build and check the images that VMs start from; needs no manager")
    .addCommand(imagesBuild(cli, compose))
    .addCommand(imagesList(cli, compose))
    .addCommand(imagesVerify(cli, compose));
}
