import type { FleetVm } from "../fleet/fleet-vm.ts";
import type { AgentClient, GuestAgent } from "../ports/guest-agent.ts";
import type { VmDriver } from "../ports/vm-driver.ts";

/** The agents in the guests that somebody looks into, each connected once for its VM's whole life. */
export class GuestAgents {
  readonly #driver: VmDriver;
  readonly #client: AgentClient;
  readonly #agents = new Map<string, GuestAgent>();

  constructor(driver: VmDriver, client: AgentClient) {
    this.#driver = driver;
    this.#client = client;
  }

  /** Whether this driver's VMs have agents at all. */
  get supported(): boolean {
    return this.#driver.capabilities.has("agent");
  }

  /** Undefined where a VM has none, does not run yet, or has gone. */
  of({ spec, running }: FleetVm): GuestAgent | undefined {
    const known = this.#agents.get(spec.id);
    if (known !== undefined || running === undefined) return known;
    const line = this.#driver.agentLine?.(spec.id);
    if (line === undefined) return undefined;
    const agent = this.#client.connect(line);
    this.#agents.set(spec.id, agent);
    void running.exited.then(() => {
      this.#agents.delete(spec.id);
      agent.close();
    });
    return agent;
  }

  /** Ends everything that was opened in guests. */
  close(): void {
    for (const agent of this.#agents.values()) agent.close();
    this.#agents.clear();
  }
}
