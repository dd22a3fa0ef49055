import { PlatformError } from "../../src/core/errors.ts";
import type {
  AgentClient,
  GuestAgent,
  GuestUse,
  Terminal,
  TerminalOptions,
  TerminalSize,
} from "../../src/ports/guest-agent.ts";

/** A terminal that prints and ends when a test says so. */
export class FakeTerminal implements Terminal {
  readonly options: TerminalOptions;
  readonly ended: Promise<number | null>;
  size: TerminalSize;
  typed = "";
  closed = false;
  /** What each further write waits for. */
  room: Promise<void> = Promise.resolve();
  end: (status: number | null) => void = () => undefined;

  constructor(options: TerminalOptions) {
    this.options = options;
    this.size = options;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    this.typed += Buffer.from(bytes).toString("latin1");
    return this.room;
  }

  resize(size: TerminalSize): void {
    this.size = size;
  }

  close(): void {
    this.closed = true;
    this.end(null);
  }
}

/** An agent that says what a test wants. */
export class FakeAgent implements GuestAgent {
  use: GuestUse = {
    cpu: { busyMs: 0, totalMs: 0 },
    memory: { totalBytes: 200 * 2 ** 20, usedBytes: 50 * 2 ** 20, peakBytes: 60 * 2 ** 20 },
    network: { receivedBytes: 1, sentBytes: 2 },
    disk: { readBytes: 3, writtenBytes: 4 },
  };
  readonly terminals: FakeTerminal[] = [];
  /** Whether it answers at all. */
  answers = true;
  measured = 0;
  full = false;
  closed = false;

  measure(): Promise<GuestUse> {
    this.measured += 1;
    if (this.answers) return Promise.resolve(this.use);
    return Promise.reject(new PlatformError("vm_lost", "It does not answer"));
  }

  openTerminal(options: TerminalOptions): Terminal {
    if (this.full) throw new PlatformError("too_many_shells", "It has no terminal left");
    const terminal = new FakeTerminal(options);
    this.terminals.push(terminal);
    return terminal;
  }

  close(): void {
    this.closed = true;
    for (const terminal of this.terminals) terminal.close();
  }
}

/** Connects each VM to an agent that exists in memory only. */
export class FakeAgents implements AgentClient {
  readonly agents: FakeAgent[] = [];

  connect(): GuestAgent {
    const agent = new FakeAgent();
    this.agents.push(agent);
    return agent;
  }

  /** The only agent that was connected. */
  get only(): FakeAgent {
    const [agent, ...others] = this.agents;
    if (agent === undefined || others.length > 0)
      throw new Error(`Found ${this.agents.length} agents, want 1`);
    return agent;
  }
}
