import { Radio, Search, X } from "lucide-react";
import type { ReactNode } from "react";
import type { InvocationStatus } from "../../api.ts";
import { Button } from "../../ui/button.tsx";
import type { InvocationSearch } from "./invocation-search.ts";

interface FiltersProps {
  readonly search: InvocationSearch;
  readonly change: (search: InvocationSearch) => void;
  readonly live: boolean;
  readonly setLive: (live: boolean) => void;
  /** Why new calls are not shown; null where they are. */
  readonly why: string | null;
}

/** Which invocations are wanted, and whether new ones appear. */
export function InvocationFilters({ search, change, live, setLive, why }: FiltersProps): ReactNode {
  /** Another choice begins on the first page. */
  const set = <K extends keyof InvocationSearch>(
    key: K,
    value: InvocationSearch[K] | undefined,
  ) => {
    const { [key]: _, page: __, ...rest } = search;
    change(value === undefined ? rest : { ...rest, [key]: value });
  };
  return (
    <div className="toolbar" role="search">
      <div className="search">
        <Search size={15} aria-hidden />
        <input
          className="input"
          type="search"
          placeholder="Find in logs and errors"
          aria-label="Find in logs and errors"
          value={search.q ?? ""}
          onChange={({ target }) => set("q", target.value === "" ? undefined : target.value)}
        />
      </div>
      <select
        className="input"
        aria-label="Outcome"
        value={search.status ?? ""}
        onChange={({ target }) =>
          set("status", target.value === "" ? undefined : (target.value as InvocationStatus))
        }
      >
        <option value="">All outcomes</option>
        <option value="success">Success</option>
        <option value="error">Error</option>
        <option value="timeout">Timeout</option>
      </select>
      <select
        className="input"
        aria-label="Start"
        value={String(search.cold ?? "")}
        onChange={({ target }) =>
          set("cold", target.value === "" ? undefined : target.value === "true")
        }
      >
        <option value="">Cold and warm</option>
        <option value="true">Cold starts</option>
        <option value="false">Warm</option>
      </select>
      <select
        className="input"
        aria-label="Duration"
        value={String(search.slow ?? "")}
        onChange={({ target }) => set("slow", Number(target.value) || undefined)}
      >
        <option value="">Any duration</option>
        <option value="10">10 ms or more</option>
        <option value="100">100 ms or more</option>
        <option value="1000">1 s or more</option>
        <option value="10000">10 s or more</option>
      </select>
      {search.request !== undefined && (
        <Button size="small" onClick={() => set("request", undefined)}>
          <X size={14} aria-hidden /> Request {search.request.slice(0, 8)}
        </Button>
      )}
      <Button aria-pressed={live} disabledReason={why} onClick={() => setLive(!live)}>
        <Radio size={15} aria-hidden /> {live && why === null ? "Live" : "Not live"}
      </Button>
    </div>
  );
}
