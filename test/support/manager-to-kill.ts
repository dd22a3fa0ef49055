import { FirecrackerDriver } from "../../src/drivers/firecracker/driver.ts";
import { ProcessDriver } from "../../src/drivers/process/driver.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import type { DriverKind } from "../../src/core/vm.ts";
import type { VmDriver } from "../../src/ports/vm-driver.ts";
import { namespaceNetwork, processNetwork, userNetwork } from "./networks.ts";

/**
 * A manager that boots one VM, or restores it from the snapshot that it is given, prints its process
 * id, and waits to be killed.
 */
const [, , kind, dataDir = "", spec = "", snapshot] = process.argv;
const drivers: Readonly<Record<DriverKind, () => Promise<VmDriver>>> = {
  firecracker: async () => {
    const program = process.env["FIRELET_FIRECRACKER_BIN"] ?? "firecracker";
    return new FirecrackerDriver({ dataDir, network: await namespaceNetwork(dataDir), program });
  },
  qemu: async () => new QemuDriver({ dataDir, network: userNetwork() }),
  process: async () => new ProcessDriver({ dataDir, network: processNetwork() }),
};
const driver = await drivers[kind as DriverKind]();
const limit = AbortSignal.timeout(60_000);
const restored =
  snapshot && driver.snapshots?.restore(JSON.parse(spec), JSON.parse(snapshot), limit);
const vm = await (restored || driver.boot(JSON.parse(spec), limit));
process.stdout.write(`${vm.pid}\n`);
