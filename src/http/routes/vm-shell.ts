import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { VmShellItem } from "../../api/vms.ts";
import { findVm } from "../../functions/find-vm.ts";
import type { Platform } from "../../functions/platform.ts";
import type { ShellCredentials } from "../../observe/shells.ts";
import { errorAnswers, VmParams } from "../shared-schemas.ts";
import { serveTerminal } from "../terminal-socket.ts";
import { refuseWithoutUpgrade } from "../websockets.ts";

const ShellQuery = Type.Object({
  cols: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: "Its width; 80 unless told" }),
  ),
  rows: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: "Its height; 24 unless told" }),
  ),
});

const protocol = [
  "Binary frames are what is typed, and what the terminal prints.",
  'A text frame `{"type": "resize", "cols": 80, "rows": 24}` tells its new size.',
  "It asks for the name and the password that `getVmShell` answers, unless the handshake has them as HTTP Basic authorization.",
  "It closes with 1000 and the reason `exit status 0` when the shell ends so, with 1001 and a reason when the VM goes, and with 1013 where the guest has no terminal left.",
].join(" ");

/** Terminals in guests. */
export function vmShellRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  const { shells } = platform;
  return (app, _options, done) => {
    app.get(
      "/v1/vms/:id/shell",
      {
        schema: {
          operationId: "getVmShell",
          tags: ["vms"],
          summary: "Where a VM has a shell, and what to log in with",
          params: VmParams,
          response: { 200: VmShellItem, ...errorAnswers(404) },
        },
      },
      async ({ params, headers }) => {
        const vm = findVm(platform, params.id);
        const wsUrl = `ws://${headers.host}/v1/vms/${vm.spec.id}/shell/ws`;
        return { ...shells.credentials(vm), ws_url: wsUrl };
      },
    );
    app.route({
      method: "GET",
      url: "/v1/vms/:id/shell/ws",
      schema: {
        operationId: "openVmShell",
        tags: ["vms"],
        summary: "A terminal in a VM, over a WebSocket",
        description: protocol,
        params: VmParams,
        querystring: ShellQuery,
        response: {
          101: Type.Null({ description: "A WebSocket, with binary frames both ways" }),
          ...errorAnswers(401, 404, 426),
        },
      },
      preHandler: async (request) => {
        const vm = findVm(platform, request.params.id);
        const given = basicCredentials(request);
        if (given === null) shells.credentials(vm);
        else shells.check(vm, given);
        await shells.reach(vm);
      },
      handler: refuseWithoutUpgrade,
      wsHandler(socket, request) {
        const { cols: columns = 80, rows = 24 } = request.query;
        const vm = findVm(platform, request.params.id);
        const welcome = basicCredentials(request) !== null;
        serveTerminal(socket, vm, (onOutput) =>
          shells.open(vm, { columns, rows, welcome, onOutput }),
        );
      },
    });
    done();
  };
}

/** Null where a call names none; those that cannot be read are nobody's. RFC 7617. */
function basicCredentials({ headers }: Pick<FastifyRequest, "headers">): ShellCredentials | null {
  const { authorization } = headers;
  if (authorization === undefined) return null;
  const encoded = /^Basic +([\w+/]+=*)$/i.exec(authorization)?.[1] ?? "";
  const [username = "", ...password] = Buffer.from(encoded, "base64").toString().split(":");
  return { username, password: password.join(":") };
}
