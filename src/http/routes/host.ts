import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { HealthResponse, HostItem, RuntimeItem } from "../../api/host.ts";
import { ItemOf, ItemsOf } from "../../api/shared.ts";
import type { Platform } from "../../functions/platform.ts";
import type { HostFacts } from "../host-facts.ts";
import { errorAnswers } from "../shared-schemas.ts";
import { toDriverItem, toInstalledRuntime, toNetworkItem, toRuntimeItem } from "../wire-mapping.ts";

async function hostUse({ fleets, registry, snapshotStore }: Platform): Promise<HostItem["use"]> {
  const snapshots = await snapshotStore?.use();
  return {
    functions: registry.list().length,
    vms: fleets.vms.length,
    vm_memory_mb: fleets.vms.reduce((sum, vm) => sum + vm.spec.memoryMib, 0),
    snapshots: snapshots?.count ?? 0,
    snapshot_disk_bytes: snapshots?.bytes ?? 0,
  };
}

/** What this host is, what it can run, and whether the manager is there. */
export function hostRoutes(platform: Platform, host: HostFacts): FastifyPluginCallbackTypebox {
  const { images } = platform;
  return (app, _options, done) => {
    app.get(
      "/health",
      {
        schema: {
          operationId: "getHealth",
          tags: ["host"],
          summary: "Whether the manager works",
          response: { 200: HealthResponse },
        },
      },
      async () => ({ status: "ok" as const, version: host.version }),
    );
    app.get(
      "/v1/runtimes",
      {
        schema: {
          operationId: "listRuntimes",
          tags: ["host"],
          summary: "The runtimes that functions can be written for",
          response: { 200: ItemsOf(RuntimeItem), ...errorAnswers() },
        },
      },
      async () => ({ items: (await images.list()).map(toRuntimeItem) }),
    );
    app.get(
      "/v1/host",
      {
        schema: {
          operationId: "getHost",
          tags: ["host"],
          summary: "The driver and why it was chosen, isolation, network, images, capacity and use",
          response: { 200: ItemOf(HostItem), ...errorAnswers() },
        },
      },
      async () => ({
        item: {
          version: host.version,
          driver: host.driver.driver,
          driver_reason: host.driverReason,
          accelerator: host.driver.accelerator,
          isolation: host.driver.isolation,
          warnings: [...host.warnings],
          drivers: host.probes.map(({ kind, probe }) => toDriverItem(kind, probe)),
          network: toNetworkItem(platform.network.facts),
          runtimes: (await images.list()).map(toInstalledRuntime),
          capacity: host.capacity,
          use: await hostUse(platform),
        },
      }),
    );
    done();
  };
}
