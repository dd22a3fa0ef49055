import { ProcessDriver } from "../../src/drivers/process/driver.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import type { VmDriver } from "../../src/ports/vm-driver.ts";
import { processNetwork, userNetwork } from "./networks.ts";

/**
 * A manager that boots one VM, or restores it from the snapshot that it is given, prints its process
 * id, and waits to be killed.
 */
const [, , kind, dataDir = "", spec = "", snapshot] = process.argv;
const driver: VmDriver =
  kind === "qemu"
    ? new QemuDriver({ dataDir, network: userNetwork() })
    : new ProcessDriver({ dataDir, network: processNetwork() });
const limit = AbortSignal.timeout(60_000);
const restored =
  snapshot && driver.snapshots?.restore(JSON.parse(spec), JSON.parse(snapshot), limit);
const vm = await (restored || driver.boot(JSON.parse(spec), limit));
process.stdout.write(`${vm.pid}\n`);
