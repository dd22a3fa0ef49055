import { useQuery } from "@tanstack/react-query";
import { Radio } from "lucide-react";
import type { ReactNode } from "react";
import type { InvocationStatus } from "../../api.ts";
import { vmsQuery } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { Choice, SearchField } from "../../ui/filters.tsx";
import { stateChoices } from "../../ui/states.tsx";
import { useTyped } from "../../ui/use-typed.ts";
import {
  type InvocationRange,
  type InvocationSearch,
  withPart,
  withRange,
  withText,
} from "./invocation-search.ts";

interface PartProps {
  readonly search: InvocationSearch;
  readonly change: (search: InvocationSearch) => void;
}

interface FiltersProps extends PartProps {
  /** The id of the function. */
  readonly functionId: string;
  readonly live: boolean;
  readonly setLive: (live: boolean) => void;
  /** Why new calls are not shown; null where they are. */
  readonly why: string | null;
}

/** Which invocations are wanted, and whether new ones appear. */
export function InvocationFilters(props: FiltersProps): ReactNode {
  const { functionId, live, setLive, why, search, change } = props;
  const parts = { search, change };
  return (
    <div className="toolbar" role="search">
      <SearchField
        label="Find in logs and errors"
        hint="Find in logs and errors, or by a whole request id"
        value={search.q ?? search.request ?? ""}
        onChange={(text) => change(withText(search, text))}
      />
      <OutcomeFilter {...parts} />
      <StartFilters {...parts} />
      <VmFilter functionId={functionId} {...parts} />
      <RangeFilter {...parts} />
      <Button
        aria-pressed={live && why === null}
        disabledReason={why}
        onClick={() => setLive(!live)}
      >
        <Radio size={15} aria-hidden /> Live
      </Button>
    </div>
  );
}

function OutcomeFilter({ search, change }: PartProps): ReactNode {
  return (
    <Choice
      label="Outcome"
      value={search.status}
      all="All outcomes"
      options={stateChoices.invocation}
      onChange={(value) =>
        change(withPart(search, "status", value as InvocationStatus | undefined))
      }
    />
  );
}

function StartFilters({ search, change }: PartProps): ReactNode {
  const { cold, slow } = search;
  return (
    <>
      <Choice
        label="Start"
        value={cold === undefined ? undefined : String(cold)}
        all="Cold and warm"
        options={[
          ["true", "Cold starts"],
          ["false", "Warm"],
        ]}
        onChange={(value) =>
          change(withPart(search, "cold", value === undefined ? undefined : value === "true"))
        }
      />
      <Choice
        label="Duration"
        value={slow === undefined ? undefined : String(slow)}
        all="Any duration"
        options={[
          ["10", "10 ms or more"],
          ["100", "100 ms or more"],
          ["1000", "1 s or more"],
          ["10000", "10 s or more"],
        ]}
        onChange={(value) =>
          change(withPart(search, "slow", value === undefined ? undefined : Number(value)))
        }
      />
    </>
  );
}

/** The VMs that run, and the one that is looked for, which may have gone. */
function VmFilter({
  functionId,
  search,
  change,
}: PartProps & { readonly functionId: string }): ReactNode {
  const { data = [] } = useQuery(vmsQuery);
  const { vm: wanted } = search;
  const options = data
    .filter(({ function_id: of }) => of === functionId)
    .map(({ id, name }) => [id, name] as const);
  const isGone = wanted !== undefined && !options.some(([id]) => id === wanted);
  return (
    <Choice
      label="VM"
      value={wanted}
      all="All VMs"
      options={isGone ? [...options, [wanted, `VM ${wanted.slice(0, 8)}`]] : options}
      onChange={(value) => change(withPart(search, "vm", value))}
    />
  );
}

const ranges: readonly (readonly [InvocationRange, string])[] = [
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["custom", "From … to …"],
];

function RangeFilter({ search, change }: PartProps): ReactNode {
  return (
    <>
      <Choice
        label="When"
        value={search.range}
        all="Any time"
        options={ranges}
        onChange={(value) =>
          change(withRange(search, value as InvocationRange | undefined, Date.now()))
        }
      />
      {search.range === "custom" && (
        <>
          <TimeField part="since" label="From" search={search} change={change} />
          <TimeField part="until" label="To" search={search} change={change} />
        </>
      )}
    </>
  );
}

interface TimeFieldProps extends PartProps {
  readonly part: "since" | "until";
  readonly label: string;
}

/** A time in the browser's own time zone. */
function TimeField({ part, label, search, change }: TimeFieldProps): ReactNode {
  const { typed, type } = useTyped(localTime(search[part]), (value) => {
    const time = value === "" ? undefined : new Date(value).toISOString();
    change(withPart(search, part, time));
  });
  return (
    <label className="time-field">
      {label}
      <input
        className="input"
        type="datetime-local"
        value={typed}
        onChange={({ target }) => type(target.value)}
      />
    </label>
  );
}

/** To the minute, as the browser's field wants it. */
function localTime(time: string | undefined): string {
  if (time === undefined) return "";
  const date = new Date(time);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
