import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { UpstreamServer } from "./upstream.ts";

const dnsPort = 53;
/** How many servers the C library takes; see resolv.conf(5). */
const maxServers = 3;

/**
 * The name servers that this host uses. As the C library does, takes its own for a name server
 * where the file names none, or cannot be read.
 */
export async function readResolvConf(file = "/etc/resolv.conf"): Promise<UpstreamServer[]> {
  try {
    return parseResolvConf(await readFile(file, "utf8"));
  } catch {
    return parseResolvConf("");
  }
}

/** The name servers in the text of a resolv.conf(5). */
export function parseResolvConf(text: string): UpstreamServer[] {
  // The keyword starts the line, or it is a comment or something else.
  const named = [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)]
    .map(([, address = ""]) => address)
    .filter((address) => isIP(address) !== 0)
    .slice(0, maxServers);
  const addresses = named.length > 0 ? named : ["127.0.0.1"];
  return addresses.map((address) => ({ address, port: dnsPort }));
}
