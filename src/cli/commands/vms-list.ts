import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { localTime, stateStyles } from "../format.ts";
import { table } from "../table.ts";

export function vmsList(cli: Cli): Command {
  return new Command("list").description("List VMs").action(async () => {
    const items = await cli.client().listVms();
    const { out } = cli;
    out.result(items, () =>
      items.length === 0
        ? "No VMs are running; functions start them when they are invoked"
        : table(
            items,
            [
              { title: "NAME", value: ({ name }) => name },
              {
                title: "STATE",
                value: ({ state }) => state,
                paint: (cell, { state }) => out.paintResult(stateStyles[state] ?? "reset", cell),
              },
              { title: "DRIVER", value: (vm) => `${vm.driver}/${vm.accelerator}` },
              { title: "ISOLATION", value: ({ isolation }) => isolation },
              { title: "VCPU", value: ({ vcpu }) => String(vcpu) },
              { title: "MEMORY", value: ({ memory_mb }) => `${memory_mb} MiB` },
              { title: "RUNNING", value: ({ in_flight }) => String(in_flight) },
              { title: "STARTED", value: ({ started_at }) => localTime(started_at) },
              { title: "ID", value: ({ id }) => id },
            ],
            out.width,
          ),
    );
  });
}
