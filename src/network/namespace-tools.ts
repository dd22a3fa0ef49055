/** What namespaces take beside root, the Debian package that each comes in, and what it is for. */
export const namespaceTools = [
  { command: "ip", package: "iproute2", why: "gives each VM a network of its own" },
  { command: "nft", package: "nftables", why: "keeps functions to what they may connect to" },
  { command: "sysctl", package: "procps", why: "sets up the networks of VMs" },
  { command: "nsenter", package: "util-linux", why: "starts VMs in their networks" },
  { command: "perl", package: "perl-base", why: "connects VMs to their networks" },
] as const;
