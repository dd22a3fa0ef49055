import { Command } from "commander";
import type { FunctionItem } from "../../api/functions.ts";
import type { Cli } from "../cli.ts";
import { egressText, localTime, stateStyles } from "../format.ts";
import { fields } from "../table.ts";

export function functionsGet(cli: Cli): Command {
  return new Command("get")
    .description("Show a function")
    .argument("<function>", "name or id")
    .option("--code", "print its code and nothing else")
    .action(async (id: string, options: { code?: boolean }) => {
      const item = await cli.client().getFunction(id);
      if (options.code && !cli.out.json) cli.out.raw(item.code);
      else cli.out.result(item, () => describe(cli, item));
    });
}

function describe({ out }: Cli, item: FunctionItem): string {
  const revision =
    item.deployed_revision === item.revision
      ? item.revision
      : `${item.revision}, serving ${item.deployed_revision ?? "none yet"}`;
  return fields([
    ["Name", item.name],
    ["Id", item.id],
    ["Runtime", item.runtime],
    ["Handler", item.handler],
    ["State", out.paintResult(stateStyles[item.state] ?? "reset", item.state)],
    ["Revision", revision],
    ["Last error", item.last_error === null ? null : out.guestText(item.last_error)],
    ["Size", `${item.vcpu} vcpu, ${item.memory_mb} MiB`],
    ["Timeout", `${item.timeout_seconds} s`],
    ["VMs", `${item.vms} running, ${item.min_vms} to ${item.max_vms}`],
    ["At once in a VM", item.max_concurrency === 0 ? "no limit" : item.max_concurrency],
    ["May connect to", egressText(item.egress)],
    ...(item.egress_note === null ? [] : [["Note", item.egress_note] as const]),
    ["Environment", Object.keys(item.env).join(", ") || null],
    ["Address", item.guest_ip === null ? null : `${item.guest_ip}:${item.port}`],
    ["Created", localTime(item.created_at)],
    ["Updated", localTime(item.updated_at)],
    ["Last invoked", localTime(item.last_invoked_at)],
  ]);
}
