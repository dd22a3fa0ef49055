import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { ItemsOf } from "../../api/shared.ts";
import { VmFiguresItem } from "../../api/vms.ts";
import { findVm } from "../../functions/find-vm.ts";
import type { Platform } from "../../functions/platform.ts";
import { errorAnswers, VmParams } from "../shared-schemas.ts";
import { closeWith, dropWhenSilent, refuseWithoutUpgrade } from "../websockets.ts";
import { toVmFiguresItem } from "../wire-mapping.ts";

/** What may wait to be sent to a viewer: some minutes of figures, behind what the system holds. */
const maxWaitingBytes = 128 * 1024;

/** What a VM uses of its host, and what its guest says of itself. */
export function vmMetricsRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  const { monitor } = platform;
  return (app, _options, done) => {
    app.get(
      "/v1/vms/:id/metrics",
      {
        schema: {
          operationId: "listVmFigures",
          tags: ["vms"],
          summary: "Figures of a VM in the last 15 minutes, the oldest first",
          description:
            "Every 10 s as the host counts them, and every second with the guest's own while somebody looks.",
          params: VmParams,
          response: { 200: ItemsOf(VmFiguresItem), ...errorAnswers(404) },
        },
      },
      async ({ params }) => {
        const vm = findVm(platform, params.id);
        const figures = monitor.history(vm.spec.id);
        return { items: figures.map((each) => toVmFiguresItem(vm, each)) };
      },
    );
    app.route({
      method: "GET",
      url: "/v1/vms/:id/metrics/ws",
      schema: {
        operationId: "watchVm",
        tags: ["vms"],
        summary: "Figures of a VM, once a second, over a WebSocket",
        description:
          "Each text frame is a `VmFiguresItem`. It closes with 1001 and a reason when the VM goes.",
        params: VmParams,
        response: {
          101: Type.Null({ description: "A WebSocket, which sends text frames" }),
          ...errorAnswers(404, 426),
        },
      },
      preValidation: async ({ params }) => void findVm(platform, params.id),
      handler: refuseWithoutUpgrade,
      wsHandler(socket, request) {
        dropWhenSilent(socket);
        const vm = findVm(platform, request.params.id);
        const stop = monitor.watch(vm, {
          onFigures(figures) {
            if (socket.bufferedAmount > maxWaitingBytes) return socket.terminate();
            socket.send(JSON.stringify(toVmFiguresItem(vm, figures)));
          },
          onEnd: (reason) => closeWith(socket, 1001, reason),
        });
        socket.on("close", stop);
      },
    });
    done();
  };
}
