import type { Answer } from "dns-packet";
import { egressRules, mayLookUp } from "../../src/core/egress.ts";
import { NameServer, type NameClient } from "../../src/network/name-server/name-server.ts";
import { a, StandInNameServer, type Script } from "./stand-in-name-server.ts";

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };
export const vm = "127.0.0.1";
export const otherVm = "127.0.0.2";
export const soa: Answer = {
  type: "SOA",
  name: "example.com",
  ttl: 30,
  data: { mname: "ns.example.com", rname: "admin.example.com", minimum: 30 },
};
export const opt = (udpPayloadSize: number, more = {}) => ({
  type: "OPT" as const,
  name: ".",
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
  ...more,
});

/** A VM with an egress policy, and what it heard of. */
export class Client implements NameClient {
  readonly admitted: string[] = [];
  readonly refusedNames: string[] = [];
  /** What admitting waits for. */
  gate = async (): Promise<void> => undefined;
  readonly #rules;

  constructor(...egress: string[]) {
    this.#rules = egressRules(egress);
  }

  mayLookUp(name: string): boolean {
    return mayLookUp(this.#rules, name);
  }

  async admit(
    name: string,
    addresses: readonly { readonly address: string; readonly ttlSeconds: number }[],
  ): Promise<void> {
    const found = addresses.map(({ address, ttlSeconds }) => `${address}/${ttlSeconds}`);
    this.admitted.push(`${name} ${found.join(" ")}`);
    await this.gate();
  }

  refused(name: string): void {
    this.refusedNames.push(name);
  }
}

/** A name server for one or two VMs, with a name server behind it that replies as `script` says. */
export async function openSetup(script: Script, clients: Record<string, Client>) {
  const upstream = await StandInNameServer.open(script);
  const server = await NameServer.open({
    address: "127.0.0.1",
    upstreams: [upstream.server],
    clientOf: (address) => clients[address],
    log: quiet,
  });
  return {
    server,
    upstream,
    route: { port: server.port },
    otherRoute: { port: server.port, from: otherVm },
    async [Symbol.asyncDispose]() {
      await server.close();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** Replies with one address for whatever is asked. */
export const anyAddress: Script = ({ name }) => ({ answers: [a(name, "192.0.2.1")] });
