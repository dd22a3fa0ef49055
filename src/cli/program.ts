import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { complete, completion } from "./commands/completion.ts";
import { deploy } from "./commands/deploy.ts";
import { doctor } from "./commands/doctor.ts";
import { events } from "./commands/events.ts";
import { functions } from "./commands/functions.ts";
import { host, type HostServices } from "./commands/host.ts";
import { images, type ImageServices } from "./commands/images.ts";
import { metrics } from "./commands/metrics.ts";
import { runtimes } from "./commands/runtimes.ts";
import { test, type TestServices } from "./commands/test.ts";
import { up, type UpFlags, type UpServices } from "./commands/up.ts";
import { version } from "./commands/version.ts";
import { vms } from "./commands/vms.ts";
import type { DriverReport } from "./machine.ts";

/** The parts that are more than a client of the API; the composition root has them. */
export interface Services {
  readonly version: string;
  readonly up: (flags: UpFlags) => Promise<UpServices>;
  readonly test: () => Promise<TestServices>;
  readonly images: () => Promise<ImageServices>;
  readonly host: () => Promise<HostServices>;
  readonly probeDrivers: () => Promise<DriverReport>;
}

const help = `
Examples:
  firelet up                                               run the manager
  firelet deploy examples/hello.js                         create or update a function
  firelet functions invoke hello --event '{"name": "you"}'
  firelet functions logs hello

Exit codes:
  0 done, 1 failed, 2 wrong command line or configuration, 3 no manager answers,
  4 no such function, revision or VM, or nothing known of its network`;

/** The whole command line. */
export function buildProgram(cli: Cli, services: Services): Command {
  const commands = [
    up(cli, services.up),
    deploy(cli),
    functions(cli),
    runtimes(cli),
    vms(cli),
    images(cli, services.images),
    events(cli),
    metrics(cli),
    host(cli, services.host),
    doctor(cli, services.probeDrivers),
    test(cli, services.test),
    version(cli, services.version),
  ];
  const program = new Command("firelet")
    .description("Serverless functions in microVMs on a machine you own")
    .version(`Firelet ${services.version}`, "-V, --version", "print the version")
    .option("--url <url>", "manager to talk to (default: $FIRELET_URL or http://127.0.0.1:18080)")
    .option("--json", "print results and errors as JSON on standard output")
    .configureHelp({ showGlobalOptions: true })
    .helpCommand(false)
    .addHelpText("after", help);
  for (const command of commands) program.addCommand(command);
  return program;
}

/** Adds what completes the command line in a shell; it needs a program to describe. */
export function addCompletion(program: Command, cli: Cli, services: Services): Command {
  const describe = () => buildProgram(cli, services).addCommand(completion(describe));
  return program
    .addCommand(completion(describe))
    .addCommand(complete(cli, describe), { hidden: true });
}
