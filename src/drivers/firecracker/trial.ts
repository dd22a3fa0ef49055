import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { openAll } from "../shared/open-all.ts";
import { kernelStarted, type ProbeImage, tryOut } from "../shared/trial.ts";
import type { VmUser } from "../shared/vm-user.ts";
import { jailed, smallFileBytes } from "./jail.ts";
import { probeConfig, vmFiles } from "./machine.ts";

export interface GuestTrial {
  /** Firecracker, by its absolute path. */
  readonly program: string;
  readonly image: ProbeImage;
  readonly limitMs: number;
}

const configFile = "config.json";
const words = ["--no-api", "--config-file", configFile, "--level", "Error"] as const;

/** Starts a guest, as the user that is given. Rejects with why that does not work. */
export async function tryGuest(trial: GuestTrial, user: VmUser | null): Promise<void> {
  const { program, image, limitMs } = trial;
  const files = await openAll([image.kernel, image.initramfs]);
  const config = probeConfig()
    .replace(`"${vmFiles.kernel}"`, '"/proc/self/fd/3"')
    .replace(`"${vmFiles.initramfs}"`, '"/proc/self/fd/4"');
  const contents = { [configFile]: config };
  await tryOut({ argv: [program, ...words], user, limitMs, files, contents }, kernelStarted);
}

/** What a jail is tried with. */
export interface JailTrial extends GuestTrial {
  /** The jailer, by its absolute path. */
  readonly jailer: string;
  readonly user: VmUser;
  /** Where jails will be: not every file system lets a device be opened. */
  readonly dataDir: string;
}

/** Starts a guest in a jail. Rejects with why that does not work. */
export async function tryJailedGuest(trial: JailTrial): Promise<void> {
  const { limitMs, dataDir, image, user, ...programs } = trial;
  const argv = async (folder: string) => {
    const root = join(folder, "run");
    await mkdir(root, { mode: 0o700 });
    await chown(root, user.uid, user.gid);
    const { kernel, initramfs } = image;
    const guest = { [vmFiles.kernel]: kernel, [vmFiles.initramfs]: initramfs };
    const config = join(root, configFile);
    await writeFile(config, probeConfig());
    await chmod(config, 0o444);
    const jail = { ...programs, id: "probe", user, root, fileLimitBytes: smallFileBytes };
    return jailed({ ...jail, files: guest }, words);
  };
  await tryOut({ argv, user: null, limitMs, under: dataDir }, kernelStarted);
}
