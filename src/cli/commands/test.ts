import { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { ImageTools, MissingTool, PackageInstaller, Report } from "../machine.ts";
import { prepareImages, installMissing, withProgress } from "../prepare-machine.ts";
import { exitCodes } from "../exit-codes.ts";

/** What `test` composes. */
export interface TestServices {
  readonly yes: boolean;
  readonly installer: PackageInstaller;
  readonly images: ImageTools;
  missingTools(): readonly MissingTool[];
  /** Gets the programs for tests that no Debian package has, into the project's own folder. */
  prepareTools(report: Report): Promise<void>;
  /** The steps of `npm run check`, by name. */
  readonly checks: readonly string[];
  /** Runs one of them with its output on ours; resolves to whether it passed. */
  runCheck(name: string): Promise<boolean>;
  /** Runs tests with Node's test runner; resolves to whether all passed. */
  runTests(args: readonly string[]): Promise<boolean>;
}

export function test(cli: Cli, compose: () => Promise<TestServices>): Command {
  return new Command("test")
    .description(
      "Install what tests need, check the sources, then run the tests, all of them or those named",
    )
    .argument("[args...]", "test files, and options of `node --test`")
    .allowUnknownOption()
    .addHelpText(
      "after",
      `
Tests on real microVMs are part of it: REQUIRE_VM=1, unless it is set otherwise.

Examples:
  firelet test
  firelet test test/e2e/launcher.test.ts --test-name-pattern=symbolic`,
    )
    .action(async (args: string[]) => {
      const services = await compose();
      await installMissing(cli, services.missingTools(), services);
      await withProgress(cli, "Preparing test tools", (report) => services.prepareTools(report));
      await prepareImages(cli, services.images);
      // Named tests are run over and over while somebody works on them; the checks would be in the way.
      const checks = args.length === 0 ? services.checks : [];
      const failed: string[] = [];
      for (const name of checks) {
        cli.out.note(cli.out.paint("bold", `Check: ${name}`));
        if (!(await services.runCheck(name))) failed.push(name);
      }
      const passed = await services.runTests(args);
      for (const name of failed) cli.out.note(cli.out.paint("red", `Check failed: ${name}`));
      if (!passed || failed.length > 0) cli.exitWith(exitCodes.failed);
    });
}
