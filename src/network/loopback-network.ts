import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

import { guestPort } from "../core/vm.ts";
import type { NetworkFacts, NetworkLease, VmNetwork } from "../ports/network.ts";

/** 127.64.0.0/10: far from 127.0.0.1 and from what systems put beside it. */
const slots = 2 ** 22;

/** How often another address is tried before another port is. */
const attempts = 8;

/**
 * Hands out loopback addresses of this host, one to each VM, so that every guest has its port 3000.
 * What gets out is up to the VMM: nothing, or for what is no VM everything.
 */
export class LoopbackNetwork implements VmNetwork {
  readonly facts: NetworkFacts;
  readonly #taken = new Set<number>();

  constructor(facts: NetworkFacts) {
    this.facts = facts;
  }

  /** A free address. Its port is 3000, or another one where some program has 3000 everywhere. */
  async acquire(): Promise<NetworkLease> {
    for (let attempt = 0; attempt < 2 * attempts; attempt += 1) {
      const slot = randomInt(1, slots - 1);
      if (this.#taken.has(slot)) continue;
      this.#taken.add(slot);
      const host = addressOf(slot);
      // Many development servers listen on port 3000 of all addresses, ours included.
      const port = attempt < attempts ? guestPort : randomInt(20_000, 30_000);
      if (await isFree(host, port)) return this.#lease(slot, host, port);
      this.#taken.delete(slot);
    }
    throw new Error(`no loopback address is free: ${2 * attempts} were tried in 127.64.0.0/10`);
  }

  #lease(slot: number, host: string, port: number): NetworkLease {
    return {
      address: { host, port },
      slot,
      namespace: null,
      ready: Promise.resolve(),
      release: () => {
        this.#taken.delete(slot);
        return Promise.resolve();
      },
    };
  }

  setEgress(): Promise<void> {
    return Promise.resolve();
  }

  inspect(): Promise<null> {
    return Promise.resolve(null);
  }
}

function addressOf(slot: number): string {
  return `127.${64 + (slot >>> 16)}.${(slot >>> 8) & 255}.${slot & 255}`;
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer().listen({ host, port });
  try {
    await once(server, "listening");
    return true;
  } catch {
    // Whatever keeps this program from listening there would keep the VM from it too.
    return false;
  } finally {
    server.close();
  }
}
