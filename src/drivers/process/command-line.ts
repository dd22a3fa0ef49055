import type { HostImage } from "../../core/runtime.ts";
import type { GuestAddress } from "../../core/vm.ts";

/** What of the manager's environment a function may see; secrets live in the rest. */
const passedOn = ["PATH", "LANG", "LC_ALL", "TZ"];

/** The command and environment that serve a function at `address`, with `folder` for its files. */
export function processCommandLine(
  image: HostImage,
  address: GuestAddress,
  folder: string,
): { readonly argv: HostImage["argv"]; readonly env: Record<string, string> } {
  const kept = passedOn.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = {
    ...Object.fromEntries(kept),
    HOME: folder,
    TMPDIR: folder,
    FIRELET_LISTEN: `${address.host}:${address.port}`,
  };
  return { argv: image.argv, env };
}
