import { Command } from "commander";
import type { ChangeEvent, FollowEventsQuery } from "../../api/events.ts";
import type { Cli } from "../cli.ts";
import { follow } from "../follow.ts";
import { localTime, stateStyles } from "../format.ts";

export function events(cli: Cli): Command {
  return new Command("events")
    .description("Show what becomes of functions and VMs, as it happens, until Ctrl-C")
    .option("--function <function>", "only of this one: name or id")
    .addHelpText("after", "\nWith --json, each event is an object on one line.")
    .action(async (query: FollowEventsQuery) => {
      await follow<ChangeEvent>(
        cli,
        (place) => cli.client().followEvents(query, place),
        (event) => {
          show(cli, event);
          return "go on";
        },
      );
    });
}

function show(cli: Cli, event: ChangeEvent): void {
  const { out } = cli;
  if (event.event === "reset") out.note("Some events may have been missed");
  else if (event.event !== "end") {
    out.entry({ event: event.event, ...event.data }, () => lineOf(cli, event));
  }
}

function lineOf(
  { out }: Cli,
  { event, data }: Extract<ChangeEvent, { readonly event: "function" | "vm" }>,
): string {
  const { state, previous_state } = data;
  const from = previous_state === null || previous_state === state ? "" : `${previous_state} → `;
  const states = `${from}${out.paintResult(stateStyles[state] ?? "reset", state)}`;
  if (event === "vm") {
    const why = data.reason === null ? "" : `: ${out.guestText(data.reason)}`;
    return `${localTime(data.at)} vm ${data.vm_name} ${states}${why}`;
  }
  const why = data.change === "deploy_failed" ? `: ${out.guestText(data.last_error ?? "")}` : "";
  const what = `${data.change.replace("_", " ")}, revision ${data.revision}`;
  return `${localTime(data.at)} function ${data.function_name} ${what}, ${states}${why}`;
}
