/** A block of IPv4 addresses, as 32-bit numbers: `first` and `last` belong to it. */
export interface Ipv4Block {
  readonly first: number;
  readonly last: number;
}

/** The number of a dotted address; undefined where the text is none. */
export function parseIpv4(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split(".");
  if (parts.some((part) => Number(part) > 255 || String(Number(part)) !== part)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/**
 * The block that `ADDRESS/PREFIX`, or an address alone, stands for; undefined where the text is
 * neither, or the address has bits beyond the prefix.
 */
export function parseIpv4Block(text: string): Ipv4Block | undefined {
  const [address = "", prefix = "32", ...rest] = text.split("/");
  const first = parseIpv4(address);
  if (first === undefined || rest.length > 0 || !/^(\d|[12]\d|3[012])$/.test(prefix)) {
    return undefined;
  }
  const size = 2 ** (32 - Number(prefix));
  return first % size === 0 ? { first, last: first + size - 1 } : undefined;
}

export function overlaps(a: Ipv4Block, b: Ipv4Block): boolean {
  return a.first <= b.last && b.first <= a.last;
}
