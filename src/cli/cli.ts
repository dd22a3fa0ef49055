import type { FireletClient } from "../client/client.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Output } from "./output.ts";

/** What every command is given. */
export interface Cli {
  readonly out: Output;
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    setRawMode?(raw: boolean): unknown;
  };
  /** A client of the manager that `--url` or the environment names. */
  client(): FireletClient;
  /** Says how the command ended, where that is not told by an error. */
  exitWith(code: ExitCode): void;
}
