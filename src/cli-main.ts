import { readFileSync } from "node:fs";
import { runCli } from "./cli/run-cli.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

const notYet = () => Promise.reject(new Error("not composed yet"));

process.exitCode = await runCli(process.argv.slice(2), process, {
  version,
  up: notYet,
  test: notYet,
  images: notYet,
  probeDrivers: notYet,
});
