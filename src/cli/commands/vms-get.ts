import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { localTime } from "../format.ts";
import { fields } from "../table.ts";

export function vmsGet(cli: Cli): Command {
  return new Command("get")
    .description("Show a VM")
    .argument("<vm>", "name or id")
    .action(async (id: string) => {
      const vm = await cli.client().getVm(id);
      cli.out.result(vm, () =>
        fields([
          ["Name", vm.name],
          ["Id", vm.id],
          ["Function id", vm.function_id],
          ["State", vm.state],
          ["Driver", `${vm.driver}, accelerator ${vm.accelerator}`],
          ["Isolation", vm.isolation],
          ["Size", `${vm.vcpu} vcpu, ${vm.memory_mb} MiB`],
          ["Address", vm.guest_ip === null ? null : `${vm.guest_ip}:${vm.port}`],
          ["Process", vm.pid],
          ["Revision", vm.revision],
          ["Invocations running", vm.in_flight],
          ["Started", localTime(vm.started_at)],
        ]),
      );
    });
}
