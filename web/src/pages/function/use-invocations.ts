import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, type InvocationItem } from "../../api.ts";
import { type InvocationSearch, pageSize, toQuery } from "./invocation-search.ts";

/** A page of a function's history. */
export function useInvocations(id: string, search: InvocationSearch) {
  return useQuery({
    queryKey: ["invocations", id, search],
    queryFn: () =>
      client.listInvocations(id, {
        ...toQuery(search),
        limit: pageSize,
        offset: pageSize * ((search.page ?? 1) - 1),
      }),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}

/** The calls that have ended since `isOn`, the newest first; at most a page of them. */
export function useTail(
  id: string,
  search: InvocationSearch,
  isOn: boolean,
): readonly InvocationItem[] {
  const query = new URLSearchParams(
    Object.entries(toQuery(search)).map(([key, value]) => [key, String(value)]),
  ).toString();
  const url = isOn ? `/v1/functions/${id}/logs/stream?${query}` : null;
  /** What came over the stream that was asked for last. */
  const [heard, setHeard] = useState<Heard>({ url, items: [] });
  useEffect(() => {
    if (url === null) return undefined;
    const source = new EventSource(url);
    source.addEventListener("invocation", ({ data }: MessageEvent<string>) => {
      const item = JSON.parse(data) as InvocationItem;
      setHeard((before) => {
        const older = before.url === url ? before.items : [];
        return { url, items: [item, ...older].slice(0, pageSize) };
      });
    });
    return () => source.close();
  }, [url]);
  return heard.url === url ? heard.items : [];
}

interface Heard {
  readonly url: string | null;
  readonly items: readonly InvocationItem[];
}
