import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { basename } from "node:path";

/** Whether an address can be listened on, found out by doing it; otherwise the system's code, such as EADDRINUSE. */
export async function whyNotListen(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    server.close();
  }
}

/**
 * The process that listens on a TCP port of this machine, as `name (process 123)`; null where it
 * is another user's and so not for us to see.
 */
export function portHolder(port: number): string | null {
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => listeners(file, port)),
  );
  const pid = readdirSync("/proc").find(
    (name) => /^\d+$/.test(name) && socketsOf(name).some((socket) => inodes.has(socket)),
  );
  if (pid === undefined) return null;
  // Not its comm: interpreters name their threads there.
  const name = attempt(() => basename(readlinkSync(`/proc/${pid}/exe`)));
  return `${name ?? "a program"} (process ${pid})`;
}

function socketsOf(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  const descriptors = attempt(() => readdirSync(folder)) ?? [];
  return descriptors.flatMap((fd) => attempt(() => readlinkSync(`${folder}/${fd}`)) ?? []);
}

/** Null where what is looked at ended meanwhile, or is not ours to look into. */
function attempt<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** The sockets listening on a port, as they are called in /proc/<pid>/fd; see proc_net_tcp.txt. */
function listeners(file: string, port: number): string[] {
  const listening = "0A";
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // A kernel without IPv6 has no tcp6.
  const rows = attempt(() => readFileSync(file, "utf8").split("\n").slice(1)) ?? [];
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(wanted) && columns[3] === listening)
    .map((columns) => `socket:[${columns[9]}]`);
}
