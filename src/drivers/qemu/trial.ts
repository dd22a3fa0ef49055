import { join } from "node:path";

import { openAll } from "../shared/open-all.ts";
import { kernelStarted, type ProbeImage, tryOut } from "../shared/trial.ts";
import { breakOn, connectTo } from "../shared/unix-socket.ts";
import type { VmUser } from "../shared/vm-user.ts";
import { biosCommandLine, probeCommandLine, qmpSocket, type QemuMachine } from "./command-line.ts";
import { counterProgram } from "./counter-program.ts";
import { measureCounterKhz } from "./counter-rate.ts";
import { QmpConnection } from "./qmp.ts";

/** How long a QEMU that only runs the counter program may take; it takes 0.4 s, and a host may stand still. */
const counterLimitMs = 60_000;

/** A guest that has not started by then does not start under KVM. */
const kernelLimitMs = 3_000;

const biosFile = "counter.bin";
const serialSocket = "serial.sock";

/** What a QEMU showed of itself by running the counter program. */
export interface QemuTrial {
  readonly version: string;
  readonly counterKhz: number;
}

/** Runs the counter program in software. Rejects with QEMU's own words where that does not work. */
export async function tryCounter(path: string, user: VmUser | null): Promise<QemuTrial> {
  const machine: QemuMachine = { path, accelerator: "tcg", counterKhz: null };
  const argv = biosCommandLine(machine, biosFile, serialSocket);
  const contents = { [biosFile]: counterProgram() };
  return tryOut(
    { argv, user, limitMs: counterLimitMs, contents },
    async (folder, _console, signal) => {
      using control = await QmpConnection.open(join(folder, qmpSocket), signal);
      const version = versionOf(await control.execute("query-version", signal));
      const port = await connectTo(join(folder, serialSocket), signal);
      using _ = breakOn(port, signal);
      try {
        return { version, counterKhz: await measureCounterKhz(port) };
      } finally {
        port.destroy();
      }
    },
  );
}

/** Starts a kernel under KVM. Rejects with the reason where it does not get to its first program. */
export async function tryKernel(
  path: string,
  image: ProbeImage,
  user: VmUser | null,
): Promise<void> {
  const argv = probeCommandLine({ path, accelerator: "kvm", counterKhz: null });
  const files = await openAll([image.kernel, image.initramfs]);
  await tryOut({ argv, user, limitMs: kernelLimitMs, files }, kernelStarted);
}

/** `query-version` answers `{"qemu": {"major": 7, "minor": 2, "micro": 22}, …}`. */
function versionOf(answer: unknown): string {
  const { qemu } = answer as { qemu: { major: number; minor: number; micro: number } };
  return `QEMU ${qemu.major}.${qemu.minor}.${qemu.micro}`;
}
