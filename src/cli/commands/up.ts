import { Command } from "commander";
import type { HostItem } from "../../api/host.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import { isolationWords } from "../format.ts";
import type { ImageTools, MissingTool, PackageInstaller } from "../machine.ts";
import { nextSignal } from "../next-signal.ts";
import type { Output } from "../output.ts";
import { prepareImages, installMissing } from "../prepare-machine.ts";
import { fields } from "../table.ts";

/** The configuration's flags, as they were given. */
export interface UpFlags {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  readonly driver?: string;
  readonly firecrackerBin?: string;
  readonly jailerBin?: string;
  /** True also where nothing was said of it. */
  readonly jailer?: boolean;
  readonly yes?: true;
  readonly config?: string;
}

/** A manager that listens. */
export interface StartedManager {
  readonly url: string;
  host(): Promise<HostItem>;
  /** Lets running invocations finish, then ends everything. */
  stop(): Promise<void>;
}

/** What `up` composes, for one configuration. */
export interface UpServices {
  readonly dataDir: string;
  readonly yes: boolean;
  readonly installer: PackageInstaller;
  /** Null where the driver starts no VMs. */
  readonly images: ImageTools | null;
  /** Why the address cannot be listened on, in a sentence for the user; null where it can. */
  whyNotListen(): Promise<string | null>;
  missingTools(): readonly MissingTool[];
  /** The folder with the console; built, and then said, where the sources have changed. */
  console(onBuild: () => void): Promise<string>;
  /** `consoleFolder` is null where there is no console to serve. */
  start(consoleFolder: string | null): Promise<StartedManager>;
}

export function up(cli: Cli, compose: (flags: UpFlags) => Promise<UpServices>): Command {
  return new Command("up")
    .description("Install what is missing, build the images and run the manager until Ctrl-C")
    .option("--host <address>", "loopback address to listen on (default: 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 for any free one (default: 18080)")
    .option("--data <folder>", "where functions, images and VMs are kept")
    .option("--driver <driver>", "auto, firecracker, qemu or process (default: auto)")
    .option("--firecracker-bin <path>", "the Firecracker to run (default: the one on PATH)")
    .option("--jailer-bin <path>", "its jailer (default: the one beside it, or on PATH)")
    .option("--no-jailer", "run Firecracker outside of a jail")
    .option("--yes", "install missing system packages without asking")
    .option("--config <file>", "configuration file")
    .addHelpText("after", "\nSettings, their variables and the file: docs/configuration.md")
    .action(async (flags: UpFlags) => {
      const services = await compose(flags);
      const problem = await services.whyNotListen();
      if (problem !== null) throw new CliError(problem);
      await installMissing(cli, services.missingTools(), services);
      if (services.images) await prepareImages(cli, services.images);
      await runUntilSignal(cli, services, await prepareConsole(cli, services));
    });
}

/** Functions run without a console too: in a folder of somebody else it cannot be built. */
async function prepareConsole({ out }: Cli, services: UpServices): Promise<string | null> {
  try {
    return await services.console(() => out.note("Building the console …"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    out.note(`${out.paint("yellow", "Warning")}: there will be no console: ${why}`);
    return null;
  }
}

async function runUntilSignal(
  { out }: Cli,
  services: UpServices,
  consoleFolder: string | null,
): Promise<void> {
  using first = nextSignal();
  const manager = await services.start(consoleFolder);
  const { dataDir } = services;
  const host = await manager.host();
  greet(out, { url: manager.url, host, dataDir, hasConsole: consoleFolder !== null });
  const signal = await first.received;
  out.note(`${signal}: letting running invocations finish; once more ends at once`);
  using second = nextSignal();
  const ended = await Promise.race([
    manager.stop().then(() => true),
    second.received.then(() => false),
  ]);
  if (!ended) process.exit(exitCodes.failed);
  out.note("Stopped");
}

interface Running {
  readonly url: string;
  readonly host: HostItem;
  readonly dataDir: string;
  readonly hasConsole: boolean;
}

/** What runs, how isolated it is, and what to try next. */
function greet(out: Output, { url, host, dataDir, hasConsole }: Running): void {
  const runtimes = host.runtimes.map(({ interpreter }) => interpreter).join(", ");
  const facts = fields([
    [hasConsole ? "Console" : "Address", url],
    ["API", `${url}/docs`],
    ["Driver", `${host.driver}: ${host.driver_reason}`],
    ["Accelerator", host.accelerator],
    ["Isolation", isolationWords[host.isolation] ?? host.isolation],
    ["Runtimes", runtimes],
    ["Data", dataDir],
  ]);
  const warnings = host.warnings.map((text) => out.paintResult("yellow", `Warning: ${text}`));
  const hint = `Try it, from another terminal:
  curl -X POST ${url}/v1/functions -H "Content-Type: application/json" -d '{"name": "hello-nodejs", "runtime": "node", "code": "async function handler(event) { return { message: \\"Hello from Node.js!\\", input: event }; }"}'
  curl -X POST ${url}/v1/functions/hello-nodejs/invoke -H "Content-Type: application/json" -d '{"event": {"name": "World"}}'`;
  out.result({ url, data_dir: dataDir, host }, () =>
    [
      `${out.paintResult("bold", `Firelet ${host.version}`)} is up`,
      facts,
      ...warnings,
      "",
      hint,
    ].join("\n"),
  );
}
