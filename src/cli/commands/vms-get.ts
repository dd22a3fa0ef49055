import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { byteCount, localTime } from "../format.ts";
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
          ["CPU", vm.cpu_usage_percent === null ? null : `${vm.cpu_usage_percent} %`],
          ["Memory", vm.memory_used_bytes === null ? null : byteCount(vm.memory_used_bytes)],
          ["Started", localTime(vm.started_at)],
        ]),
      );
    });
}
