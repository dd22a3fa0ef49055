import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { ItemOf, ItemsOf, MessageResponse } from "../../api/shared.ts";
import { VmItem, VmNetworkItem } from "../../api/vms.ts";
import type { FleetVm } from "../../fleet/fleet-vm.ts";
import { findVm } from "../../functions/find-vm.ts";
import { inspectNetwork } from "../../functions/inspect-network.ts";
import type { Platform } from "../../functions/platform.ts";
import { answerOf, errorAnswers, VmParams } from "../shared-schemas.ts";
import { toVmItem, toVmNetworkItem, type DriverFacts } from "../wire-mapping.ts";

/** The VMs that run functions now. */
export function vmRoutes(platform: Platform, facts: DriverFacts): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    void app.register(lifeRoutes(platform, facts));
    void app.register(insightRoutes(platform));
    done();
  };
}

/** Which there are, and the end of one. */
function lifeRoutes(platform: Platform, facts: DriverFacts): FastifyPluginCallbackTypebox {
  const { fleets, monitor } = platform;
  const toItem = (vm: FleetVm) => toVmItem(vm, facts, monitor.latest(vm.spec.id));
  return (app, _options, done) => {
    app.get(
      "/v1/vms",
      {
        schema: {
          operationId: "listVms",
          tags: ["vms"],
          summary: "List VMs",
          response: { 200: ItemsOf(VmItem), ...errorAnswers() },
        },
      },
      async () => ({ items: fleets.vms.map(toItem) }),
    );
    app.get(
      "/v1/vms/:id",
      {
        schema: {
          operationId: "getVm",
          tags: ["vms"],
          summary: "Get a VM by id or name",
          params: VmParams,
          response: { 200: ItemOf(VmItem), ...errorAnswers(404) },
        },
      },
      async ({ params }) => ({ item: toItem(findVm(platform, params.id)) }),
    );
    app.delete(
      "/v1/vms/:id",
      {
        schema: {
          operationId: "deleteVm",
          tags: ["vms"],
          summary: "Stop a VM; its function replaces it when it needs one",
          params: VmParams,
          response: { 200: MessageResponse, ...errorAnswers(404) },
        },
      },
      async ({ params }) => {
        fleets.stopVm(findVm(platform, params.id).spec.id);
        return { message: "VM is stopping" };
      },
    );
    done();
  };
}

/** What can be seen of one from outside. */
function insightRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  const { driver } = platform;
  return (app, _options, done) => {
    app.get(
      "/v1/vms/:id/network",
      {
        schema: {
          operationId: "getVmNetwork",
          tags: ["vms"],
          summary: "What a VM sent, received and may not connect to",
          params: VmParams,
          response: { 200: ItemOf(VmNetworkItem), ...errorAnswers(404) },
        },
      },
      async ({ params }) => ({
        item: toVmNetworkItem(await inspectNetwork(platform, findVm(platform, params.id).spec)),
      }),
    );
    app.get(
      "/v1/vms/:id/console",
      {
        schema: {
          operationId: "readVmConsole",
          tags: ["vms"],
          summary: "The end of the guest's console log, as text",
          params: VmParams,
          response: {
            200: answerOf("text/plain", "What the guest wrote, the newest last"),
            ...errorAnswers(404),
          },
        },
      },
      async ({ params }, reply) => {
        const { id } = findVm(platform, params.id).spec;
        const text = (await driver.readConsole?.(id)) ?? "";
        return reply.type("text/plain; charset=utf-8").send(text);
      },
    );
    done();
  };
}
