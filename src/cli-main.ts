import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
// Node strips types anew at every start; remembering the outcome halves the time of short commands.
enableCompileCache(`${root}.firelet/compile-cache`);

const { runCli } = await import("./cli/run-cli.ts");
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
const notYet = () => Promise.reject(new Error("not composed yet"));
process.exitCode = await runCli(process.argv.slice(2), process, {
  version,
  up: notYet,
  test: notYet,
  images: notYet,
  probeDrivers: notYet,
});
