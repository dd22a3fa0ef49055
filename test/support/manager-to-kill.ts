import { ProcessDriver } from "../../src/drivers/process/driver.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";

/** A manager that starts one VM, prints its process id, and waits to be killed. */
const [, , kind, dataDir = "", spec = ""] = process.argv;
const driver = kind === "qemu" ? new QemuDriver({ dataDir }) : new ProcessDriver({ dataDir });
const vm = await driver.boot(JSON.parse(spec), AbortSignal.timeout(60_000));
process.stdout.write(`${vm.pid}\n`);
