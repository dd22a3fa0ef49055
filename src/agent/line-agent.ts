import { messageOf, PlatformError } from "../core/errors.ts";
import type {
  AgentClient,
  GuestAgent,
  GuestUse,
  Terminal,
  TerminalOptions,
} from "../ports/guest-agent.ts";
import type { AgentLine } from "../ports/vm-driver.ts";
import { encodeFrame, type Frame, frameKinds, FrameReader, ProtocolError } from "./frames.ts";
import { parseGuestUse } from "./guest-figures.ts";
import { LineTerminal, type SendFrame } from "./line-terminal.ts";

/** How many terminals a guest has. */
const maxTerminals = 8;

/** Speaks docs/agent-protocol.md. */
export const lineAgentClient: AgentClient = {
  connect: (line) => new LineAgent(line),
};

/**
 * The agent at the other end of a line. What it says is checked: it is the guest that speaks. At
 * the first thing that makes no sense the line is closed, and everything that waits fails.
 */
class LineAgent implements GuestAgent {
  readonly #line: AgentLine;
  readonly #frames = new FrameReader();
  /** By number, those that have not ended in the guest. */
  readonly #terminals = new Map<number, LineTerminal>();
  /** The question that is on its way; whoever asks meanwhile gets the same answer. */
  #question: PromiseWithResolvers<GuestUse> | undefined;
  #broken: PlatformError | undefined;

  constructor(line: AgentLine) {
    this.#line = line;
    line.receive((bytes) => this.#take(bytes));
  }

  async measure(signal: AbortSignal): Promise<GuestUse> {
    if (this.#broken !== undefined) throw this.#broken;
    if (signal.aborted) throw noAnswer(signal);
    if (this.#question === undefined) {
      this.#question = Promise.withResolvers();
      // Nobody may be waiting any more when it is answered, or never is.
      this.#question.promise.catch(() => undefined);
      void this.#send(frameKinds.measure, 0);
    }
    return beforeAbort(this.#question.promise, signal);
  }

  openTerminal(options: TerminalOptions): Terminal {
    if (this.#broken !== undefined) throw this.#broken;
    const number = this.#freeNumber();
    const send: SendFrame = (kind, payload) => this.#send(kind, number, payload);
    const terminal = new LineTerminal(send, options);
    this.#terminals.set(number, terminal);
    return terminal;
  }

  close(): void {
    // Its programs are to end, not only what is seen of them.
    for (const terminal of this.#terminals.values()) terminal.close();
    this.#break(new PlatformError("vm_lost", "The line to the guest's agent was closed"));
  }

  #freeNumber(): number {
    for (let number = 1; number <= maxTerminals; number += 1) {
      if (!this.#terminals.has(number)) return number;
    }
    const message = `Cannot open a terminal: all ${maxTerminals} of this guest are open`;
    throw new PlatformError("too_many_shells", message);
  }

  async #send(kind: number, terminal: number, payload?: Uint8Array): Promise<void> {
    if (this.#broken !== undefined) return;
    try {
      await this.#line.send(encodeFrame(kind, terminal, payload));
    } catch (error) {
      this.#break(new PlatformError("vm_lost", messageOf(error), { cause: error }));
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#broken !== undefined) return;
    try {
      for (const frame of this.#frames.read(bytes)) this.#obey(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const message = `Cannot understand the guest's agent: ${error.message}`;
      this.#break(new PlatformError("vm_lost", message, { cause: error }));
    }
  }

  #obey({ kind, terminal: number, payload }: Frame): void {
    if (kind === frameKinds.figures) return this.#answer(payload);
    const terminal = this.#terminals.get(number);
    if (terminal === undefined) {
      throw new ProtocolError(`found a frame of kind ${kind} about terminal ${number}, not open`);
    }
    if (kind === frameKinds.output) return terminal.print(payload);
    if ((kind !== frameKinds.credit && kind !== frameKinds.ended) || payload.length !== 4) {
      throw new ProtocolError(`found a frame of kind ${kind} with ${payload.length} bytes`);
    }
    if (kind === frameKinds.credit) return terminal.addRoom(payload.readUInt32LE(0));
    this.#terminals.delete(number);
    terminal.finish(payload.readInt32LE(0));
  }

  #answer(payload: Buffer): void {
    const question = this.#question;
    if (question === undefined) throw new ProtocolError("found figures that nobody asked for");
    const use = parseGuestUse(payload.toString("latin1"));
    this.#question = undefined;
    question.resolve(use);
  }

  #break(error: PlatformError): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.#line.close();
    this.#question?.reject(error);
    for (const terminal of this.#terminals.values()) terminal.finish(null);
    this.#terminals.clear();
  }
}

/** Settles as `answer` does, or rejects where `signal` aborts first. */
async function beforeAbort<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const stop = () => reject(noAnswer(signal));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([answer, late]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function noAnswer(signal: AbortSignal): PlatformError {
  return new PlatformError("vm_lost", "The guest's agent does not answer", {
    cause: signal.reason,
  });
}
