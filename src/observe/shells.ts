import { createHash, timingSafeEqual } from "node:crypto";

import { messageOf, PlatformError } from "../core/errors.ts";
import type { FleetVm } from "../fleet/fleet-vm.ts";
import type { Clock } from "../ports/clock.ts";
import type { Terminal, TerminalOptions } from "../ports/guest-agent.ts";
import type { GuestAgents } from "./guest-agents.ts";

/** What somebody logs in with who wants a shell in one VM. */
export interface ShellCredentials {
  readonly username: string;
  readonly password: string;
}

/** The only user who may log in; what functions run as may not. */
const username = "root";

/** How long a guest may take to show that it has an agent, which not every image has. */
const answerLimitMs = 5_000;

/** Shells in guests, each VM with a password of its own, which ends with the VM or the manager. */
export class Shells {
  readonly #agents: GuestAgents;
  readonly #clock: Clock;
  readonly #passwords = new Map<string, string>();

  constructor(agents: GuestAgents, clock: Clock) {
    this.#agents = agents;
    this.#clock = clock;
  }

  /** The same for every call while the VM lives. Throws `no_shell` where it can have none. */
  credentials(vm: FleetVm): ShellCredentials {
    this.#agentOf(vm);
    const { id } = vm.spec;
    let password = this.#passwords.get(id);
    if (password === undefined) {
      password = this.#clock.newToken();
      this.#passwords.set(id, password);
      void vm.exited.then(() => this.#passwords.delete(id));
    }
    return { username, password };
  }

  /** Throws `wrong_credentials` where these are not the VM's. */
  check(vm: FleetVm, given: ShellCredentials): void {
    const wanted = this.credentials(vm);
    if (isSame(given.username, wanted.username) && isSame(given.password, wanted.password)) return;
    const message = `Wrong credentials for VM "${vm.spec.name}": GET /v1/vms/${vm.spec.id}/shell has them`;
    throw new PlatformError("wrong_credentials", message);
  }

  /** Makes sure that somebody listens in the guest. Rejects with `no_shell` where nobody does. */
  async reach(vm: FleetVm): Promise<void> {
    const agent = this.#agentOf(vm);
    try {
      await agent.measure(AbortSignal.timeout(answerLimitMs));
    } catch (error) {
      throw noShell(vm, messageOf(error), { cause: error });
    }
  }

  /**
   * Opens a terminal in a VM: with a login, or for somebody who is `welcome`, with a shell. Throws
   * `no_shell`, `too_many_shells` and `vm_lost`.
   */
  open(vm: FleetVm, options: Omit<TerminalOptions, "password">): Terminal {
    const { password } = this.credentials(vm);
    return this.#agentOf(vm).openTerminal({ ...options, password });
  }

  #agentOf(vm: FleetVm) {
    const agent = this.#agents.of(vm);
    if (agent !== undefined) return agent;
    const why = this.#agents.supported
      ? "it is starting or has ended"
      : "functions are processes of this host, and have no guest";
    throw noShell(vm, why);
  }
}

function noShell({ spec }: FleetVm, why: string, options?: ErrorOptions): PlatformError {
  const message = `Cannot open a shell in VM "${spec.name}": ${why}`;
  return new PlatformError("no_shell", message, options);
}

/** Takes as long whatever was given. */
function isSame(given: string, wanted: string): boolean {
  const [one, other] = [given, wanted].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
