import { PlatformError } from "../core/errors.ts";
import { type DriverKind, driverKinds } from "../core/vm.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { VmNetwork } from "../ports/network.ts";
import type { VmDriver, VmProbe } from "../ports/vm-driver.ts";
import { FirecrackerDriver } from "./firecracker/driver.ts";
import { ProcessDriver } from "./process/driver.ts";
import { QemuDriver } from "./qemu/driver.ts";
import type { ProbeImage } from "./shared/trial.ts";

export interface DriverOptions {
  readonly dataDir: string;
  readonly network: VmNetwork;
  /** How long a guest may take from its start to its first answer. */
  readonly bootTimeoutMs: number;
  /** The Firecracker to run; null is the one on PATH. */
  readonly firecrackerPath: string | null;
  /** Whether Firecracker is run in a jail where that can be. */
  readonly jailer: boolean;
  /** Firecracker's jailer; null is the one beside it or on PATH. */
  readonly jailerPath: string | null;
  /** The QEMU to run; null is the one on PATH. */
  readonly qemuPath: string | null;
  /** Images of VMs, one of which KVM is tried with. */
  readonly images: ImageCatalog;
}

/** A driver that works on this host, and why it is this one. */
export interface ChosenDriver {
  readonly driver: VmDriver;
  readonly probe: Extract<VmProbe, { usable: true }>;
  /** A sentence for people. */
  readonly reason: string;
}

export interface ProbedDriver {
  readonly kind: DriverKind;
  readonly probe: VmProbe;
}

/** Every driver there is, on this host. */
export interface Drivers {
  /**
   * The driver of that name, or the strongest that works. Rejects with `driver_unavailable`, and
   * what would help, where there is none.
   */
  choose(choice: "auto" | DriverKind): Promise<ChosenDriver>;
  probeAll(): Promise<readonly ProbedDriver[]>;
}

/** What `auto` takes, the strongest first; `process` isolates nothing and is only asked for by name. */
const automatic = ["firecracker", "qemu"] as const satisfies readonly DriverKind[];

export function createDrivers(options: DriverOptions): Drivers {
  const { dataDir, network, bootTimeoutMs, firecrackerPath, qemuPath, images } = options;
  const jailer = options.jailer ? (options.jailerPath ?? undefined) : null;
  const common = { dataDir, network, bootTimeoutMs };
  const probeImage = () => anyImage(images);
  const drivers: Record<DriverKind, VmDriver> = {
    firecracker: new FirecrackerDriver({
      ...common,
      ...(firecrackerPath !== null && { program: firecrackerPath }),
      ...(jailer !== undefined && { jailer }),
      probeImage,
    }),
    qemu: new QemuDriver({ ...common, ...(qemuPath !== null && { qemuPath }), probeImage }),
    process: new ProcessDriver(common),
  };
  return {
    async choose(choice) {
      const refusals: string[] = [];
      for (const kind of choice === "auto" ? automatic : [choice]) {
        const driver = drivers[kind];
        const found = await driver.probe();
        if (found.usable) {
          return { driver, probe: found, reason: explain(choice, kind, refusals) };
        }
        if (!found.usable) refusals.push(`${kind}: ${found.reason} (${found.remedy})`);
      }
      throw new PlatformError(
        "driver_unavailable",
        `Cannot use the driver "${choice}": ${refusals.join("; ")}`,
      );
    },
    probeAll: () =>
      Promise.all(driverKinds.map(async (kind) => ({ kind, probe: await drivers[kind].probe() }))),
  };
}

function explain(choice: string, kind: DriverKind, refusals: readonly string[]): string {
  if (choice !== "auto") return `The driver "${kind}" was asked for`;
  const rest = refusals.length === 0 ? "" : `; ${refusals.join("; ")}`;
  return `The driver "${kind}" is the strongest that works here${rest}`;
}

async function anyImage(images: ImageCatalog): Promise<ProbeImage | null> {
  for (const { name, imageDigest } of await images.list()) {
    if (imageDigest === null) continue;
    const image = await images.resolve(name);
    if (image.kind === "vm") return image;
  }
  return null;
}
