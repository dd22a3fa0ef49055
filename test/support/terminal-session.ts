import assert from "node:assert/strict";
import type { GuestAgent, Terminal, TerminalOptions } from "../../src/ports/guest-agent.ts";
import { waitUntil } from "./wait-until.ts";

/** What the agents of tests let in. */
export const shellPassword = "open-sesame-550e8400";

export interface SessionOptions extends Partial<Omit<TerminalOptions, "onOutput">> {
  /** How long it is waited for something, at most. */
  readonly limitMs?: number;
}

/** Somebody who sits at a terminal, types, and reads what is printed. */
export class TerminalSession {
  readonly terminal: Terminal;
  /** All that was printed so far. */
  printed = Buffer.alloc(0);
  /** What the next output has to wait for. */
  taking: Promise<void> = Promise.resolve();
  readonly #limitMs: number;
  #read = 0;

  constructor(
    agent: Pick<GuestAgent, "openTerminal">,
    { limitMs = 20_000, ...options }: SessionOptions = {},
  ) {
    this.#limitMs = limitMs;
    this.terminal = agent.openTerminal({
      columns: 200,
      rows: 24,
      password: shellPassword,
      welcome: true,
      onOutput: (bytes) => {
        this.printed = Buffer.concat([this.printed, bytes]);
        return this.taking;
      },
      ...options,
    });
  }

  /** All that was printed after what `until` found. */
  get rest(): Buffer {
    return this.printed.subarray(this.#read);
  }

  type(text: string | Uint8Array): Promise<void> {
    return this.terminal.write(Buffer.from(text));
  }

  /** Waits until `text` is printed, and returns what was printed before it and after the last. */
  async until(text: string): Promise<string> {
    const place = () => this.printed.indexOf(text, this.#read, "latin1");
    await waitUntil(`"${text}" is printed`, () => place() >= 0, this.#limitMs).catch(
      (error: unknown) => {
        const found = JSON.stringify(this.rest.toString("latin1").slice(-400));
        throw new Error(`${String(error)}; found ${found}`, { cause: error });
      },
    );
    const before = this.printed.toString("latin1", this.#read, place());
    this.#read = place() + text.length;
    return before;
  }

  /** Runs a command in the shell and returns what it prints. */
  async run(command: string): Promise<string> {
    // What is typed is printed too, and must not look like its outcome.
    await this.type(`printf '<%s>' begin; ${command}; printf '<%s>' end\n`);
    await this.until("<begin>");
    return (await this.until("<end>")).replaceAll("\r\n", "\n");
  }

  /** Hangs up, and waits for the end. */
  async leave(): Promise<void> {
    this.terminal.close();
    await this.end();
  }

  /** Waits until the terminal has ended, and returns the status. */
  async end(): Promise<number | null> {
    let status: number | null | undefined;
    void this.terminal.ended.then((ended) => (status = ended));
    await waitUntil("the terminal ends", () => status !== undefined, this.#limitMs);
    return status ?? null;
  }
}

/** Adds a line behind the first of a file in the editor, which has the whole screen. */
export async function editInVi(
  session: TerminalSession,
  line: string,
  beforeLeaving: () => Promise<void> = async () => undefined,
): Promise<void> {
  await session.run("cd /tmp; printf 'one\\ntwo\\n' >notes");
  await session.type("vi notes\n");
  // Its line at the bottom of the screen.
  await session.until("1/2");
  await session.type(`o${line}`);
  await session.until(line);
  // It waits a moment for more of what could be the code of a key.
  await session.type("\u001b");
  await session.until("[Modified]");
  await beforeLeaving();
  await session.type(":wq\n");
  assert.equal(await session.run("cat notes"), `one\n${line}\ntwo\n`);
}
