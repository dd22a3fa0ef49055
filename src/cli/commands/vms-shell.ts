import { Transform } from "node:stream";
import { Command } from "commander";
import { openVmShell, type VmShell } from "../../client/vm-sockets.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";

/** Ctrl-], which ends the connection whatever the guest does. */
const escapeKey = 0x1d;

/** Ctrl-D, which a shell takes as the end of what is typed. */
const endOfInput = "\u0004";

export function vmsShell(cli: Cli): Command {
  return new Command("shell")
    .description("Open a shell in a VM, as root of its guest")
    .argument("<vm>", "name or id")
    .addHelpText(
      "after",
      `
Ctrl-] leaves it, also where the guest does not answer. Commands can be piped into it. A shell does
not keep its VM: it ends when the VM does, which a function that is idle may bring about.

Examples:
  firelet vms shell fn-hello-550e8400
  echo "rc-service runtime-server status" | firelet vms shell fn-hello-550e8400`,
    )
    .action(async (id: string) => {
      const shell = await openVmShell(cli.client(), id, cli.out.size ?? { cols: 80, rows: 24 });
      const end = await converse(cli, shell, id);
      if (end === null) return;
      if ("reason" in end) throw new CliError(`The shell ended: ${end.reason}`);
      if (end.status === 0) return;
      cli.out.note(`The shell ended with status ${end.status}`);
      cli.exitWith(exitCodes.failed);
    });
}

/** Connects the user's terminal with the guest's; resolves to null where the user left. */
async function converse(cli: Cli, shell: VmShell, id: string) {
  const { out, stdin } = cli;
  const { promise: left, resolve: leave } = Promise.withResolvers<null>();
  const interactive = stdin.isTTY === true && stdin.setRawMode !== undefined;
  if (interactive) out.note(`Connected to ${id}; Ctrl-] leaves`);
  const stopResizing = out.onResize((size) => shell.resize(size));
  const typed = interactive ? stdin.pipe(untilEscape(leave)) : stdin;
  if (interactive) stdin.setRawMode?.(true);
  typed.pipe(shell.stream, { end: false });
  typed.once("end", () => void shell.stream.write(endOfInput));
  try {
    const printed = out.copy(shell.stream);
    const end = await Promise.race([shell.ended, left]);
    if (end !== null) await printed;
    return end;
  } finally {
    stopResizing();
    typed.unpipe(shell.stream);
    stdin.pause();
    if (interactive) stdin.setRawMode?.(false);
    shell.stream.destroy();
  }
}

/** Passes on what is typed, up to the key that leaves. */
function untilEscape(leave: (value: null) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = chunk.indexOf(escapeKey);
      if (at >= 0) leave(null);
      done(null, at < 0 ? chunk : chunk.subarray(0, at));
    },
  });
}
