import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, type InvocationItem } from "../../api.ts";
import { hearEvents } from "../../event-stream.ts";
import { queryClient } from "../../queries.ts";
import { usePageVisible } from "../../ui/use-page-visible.ts";
import { type InvocationSearch, pageSize, toFilter, toQuery } from "./invocation-search.ts";

/** A page of a function's history; where it is live, what a range that ends now has in it stays true. */
export function useInvocations(id: string, search: InvocationSearch, isLive: boolean) {
  return useQuery({
    queryKey: ["invocations", id, search],
    queryFn: () =>
      client.listInvocations(id, {
        ...toQuery(search, Date.now()),
        limit: pageSize,
        offset: pageSize * ((search.page ?? 1) - 1),
      }),
    placeholderData: keepPreviousData,
    staleTime: 0,
    refetchInterval: isLive ? 10_000 : false,
  });
}

/** The calls that have ended while `isOn`, the newest first; at most a page of them. */
export function useTail(
  id: string,
  search: InvocationSearch,
  isOn: boolean,
): readonly InvocationItem[] {
  const query = new URLSearchParams(
    Object.entries(toFilter(search)).map(([key, value]) => [key, String(value)]),
  ).toString();
  const url = `/v1/functions/${id}/logs/stream?${query}`;
  /** What came over the stream that was asked for last; it stays when nobody listens any more. */
  const [heard, setHeard] = useState<Heard>({ url, items: [] });
  const isVisible = usePageVisible();
  useEffect(() => {
    if (!isOn || !isVisible) return undefined;
    return hearEvents(url, {
      // Whatever ended after the page was read and before this listened.
      open: () => void queryClient.invalidateQueries({ queryKey: ["invocations", id] }),
      invocation: ({ data }) => {
        const item = JSON.parse(data) as InvocationItem;
        setHeard((before) => {
          const older = before.url === url ? before.items : [];
          return { url, items: [item, ...older].slice(0, pageSize) };
        });
      },
    });
  }, [id, url, isOn, isVisible]);
  return heard.url === url ? heard.items : [];
}

interface Heard {
  readonly url: string;
  readonly items: readonly InvocationItem[];
}
