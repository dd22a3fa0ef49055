/** What the exit code of a command says. `firelet --help` prints them. */
export const exitCodes = {
  ok: 0,
  /** The command was understood and could not be carried out, or the function failed. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** No manager answers. */
  unreachable: 3,
  /** There is no such function, revision or VM, or nothing is known of its network. */
  notFound: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message for the user. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;
  /** What `--json` calls the error. */
  readonly code: string;

  constructor(message: string, exitCode: ExitCode = exitCodes.failed, code?: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code ?? (exitCode === exitCodes.usage ? "usage" : "failed");
  }
}
