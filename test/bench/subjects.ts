import type { CreateFunctionRequest, FunctionItem } from "../../src/api/functions.ts";
import { TestManager } from "../support/manager.ts";
import { sharedTestImages } from "../support/vm-images.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Call } from "./connection.ts";
import type { Subject } from "./lane.ts";

/** How a manager comes by VMs. */
export interface Setup {
  readonly name: string;
  readonly driver: "process" | "qemu";
  /** How many VMs stand by for functions that sleep. */
  readonly standbyVms: number;
  /** Whether VMs are clones of snapshots. */
  readonly clones: boolean;
  /** `network.mode`; namespaces where this host has them, unless given. */
  readonly network?: "namespace" | "user";
}

export const setups = {
  standby: { name: "microVM, standing by", driver: "qemu", standbyVms: 2, clones: true },
  clone: { name: "microVM, clone", driver: "qemu", standbyVms: 0, clones: true },
  boot: { name: "microVM, cold boot", driver: "qemu", standbyVms: 0, clones: false },
  namespace: {
    name: "microVM, in a namespace",
    driver: "qemu",
    standbyVms: 0,
    clones: true,
    network: "namespace",
  },
  userNetwork: {
    name: "microVM, user networking",
    driver: "qemu",
    standbyVms: 0,
    clones: true,
    network: "user",
  },
  process: { name: "process driver", driver: "process", standbyVms: 0, clones: false },
} as const satisfies Record<string, Setup>;

export type Runtime = "node" | "python";

/** Runtimes as the page calls them. */
export const runtimeNames: Readonly<Record<Runtime, string>> = {
  node: "Node.js",
  python: "Python",
};

export const emptyFunctions: Readonly<Record<Runtime, string>> = {
  node: "async function handler() { return null; }",
  python: "def handler(event):\n    return None\n",
};

/** A handler that takes as long as its event says. */
export const waitingFunction =
  "async function handler({ ms }) { await new Promise((done) => setTimeout(done, ms)); return null; }";

/** A manager whose VMs come up in one way, over HTTP, as its users call it. */
export class Firelet {
  readonly setup: Setup;
  readonly manager: TestManager;

  private constructor(setup: Setup, manager: TestManager) {
    this.setup = setup;
    this.manager = manager;
  }

  static async start(setup: Setup): Promise<Firelet> {
    const images = setup.driver === "qemu" ? { images: await sharedTestImages() } : {};
    const env = {
      FIRELET_SNAPSHOTS: String(setup.clones),
      FIRELET_STANDBY_VMS: String(setup.standbyVms),
      FIRELET_NETWORK_MODE: setup.network ?? "auto",
    };
    return new Firelet(
      setup,
      await TestManager.start({ driver: setup.driver, ...images, env, watched: false }),
    );
  }

  /** Resolves when the function is ready; rejects where its deploy fails. */
  async deploy(request: CreateFunctionRequest): Promise<FunctionItem> {
    const item = await this.manager.deploy(request);
    if (item.last_error !== null) throw new Error(`${this.setup.name}: ${item.last_error}`);
    return item;
  }

  /** What invokes a function when it is posted. */
  invocationOf(functionId: string, event: unknown = {}): Call {
    const url = `${this.manager.url}/v1/functions/${functionId}/invoke`;
    return { url, body: JSON.stringify({ event }) };
  }

  /** Stops all VMs but `keep` of them; resolves when the others have gone. */
  async keepVms(keep: number): Promise<void> {
    const { client } = this.manager;
    const gone = new Set((await client.listVms()).slice(keep).map(({ id }) => id));
    await Promise.all([...gone].map((id) => client.deleteVm(id)));
    await waitUntil(
      `${gone.size} VMs are gone`,
      async () => !(await client.listVms()).some(({ id }) => gone.has(id)),
      20_000,
    );
  }
}

/** A subject that is a manager, and what `prepare` has found or made in it. */
export async function startFirelet<T extends object>(
  setup: Setup,
  name: string,
  prepare: (firelet: Firelet) => Promise<T>,
): Promise<T & Subject> {
  const firelet = await Firelet.start(setup);
  const stop = async () => void (await firelet.manager.stop());
  try {
    return { ...(await prepare(firelet)), name, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
