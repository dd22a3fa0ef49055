import { readFileSync } from "node:fs";
import { runCli } from "./cli/run-cli.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

/** Loaded for the commands that need it alone: most are clients, and quick. */
const services = () => import("./cli-services.ts");

process.exitCode = await runCli(process.argv.slice(2), process, {
  version,
  up: async (flags) => (await services()).composeUp(flags, version),
  test: async () => (await services()).composeTest(),
  images: async () => (await services()).composeImages(),
  host: async () => (await services()).composeHost(),
  probeDrivers: async () => (await services()).probeDrivers(),
});
