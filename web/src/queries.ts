import { queryOptions, QueryClient } from "@tanstack/react-query";
import { ApiError, client, type InvokeResponse, type StatisticsItem } from "./api.ts";

/** Everything that was read of the manager; `live.ts` keeps it true. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Changes are told (live.ts), so what is there stays true until then.
      staleTime: 30_000,
      // What the manager refuses it will refuse again; that it cannot be reached may pass.
      retry: (count, error) => count < 3 && !(error instanceof ApiError),
      retryDelay: (count) => Math.min(500 * 2 ** count, 4_000),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export const functionsQuery = queryOptions({
  queryKey: ["functions"],
  queryFn: () => client.listFunctions(),
});

/** What ran in the last 24 hours, by the id of its function. */
export const daysQuery = queryOptions({
  queryKey: ["days"],
  queryFn: async () =>
    new Map((await client.listFunctionDays()).map((day) => [day.function_id, day])),
  refetchInterval: 5_000,
});

/** One function, by its id or name. */
export const functionQuery = (id: string) =>
  queryOptions({ queryKey: ["functions", id], queryFn: () => client.getFunction(id) });

/** What is under way while a function is deleted from here, by its id. */
export const deletionKey = (id: string) => ["delete", id];

/** How one function did in a stretch of time, read anew while it is looked at. */
export const statisticsQuery = (id: string, window: StatisticsItem["window"]) =>
  queryOptions({
    queryKey: ["statistics", id, window],
    queryFn: () => client.getFunctionStats(id, { window }),
    refetchInterval: 5_000,
  });

/** What is kept of a function's revisions, the newest first. */
export const revisionsQuery = (id: string) =>
  queryOptions({ queryKey: ["revisions", id], queryFn: () => client.listRevisions(id) });

export const runtimesQuery = queryOptions({
  queryKey: ["runtimes"],
  queryFn: () => client.listRuntimes(),
  staleTime: Infinity,
});

export const vmsQuery = queryOptions({ queryKey: ["vms"], queryFn: () => client.listVms() });

/** One VM, by its id or name. */
export const vmQuery = (id: string) =>
  queryOptions({ queryKey: ["vms", id], queryFn: () => client.getVm(id) });

/** Why a VM stops or has gone, where that was told while this page was open; `live.ts` keeps it. */
export const vmReasonQuery = (id: string) =>
  queryOptions<string | null>({
    queryKey: ["vm-reasons", id],
    queryFn: () => null,
    enabled: false,
  });

export const hostQuery = queryOptions({
  queryKey: ["host"],
  queryFn: () => client.getHost(),
  refetchInterval: 15_000,
});

/** Invokes a function. Of that nobody is told, and when it was last invoked stands on many a page. */
export async function invokeFunction(id: string, event: unknown): Promise<InvokeResponse> {
  try {
    return await client.invokeFunction(id, event);
  } finally {
    void queryClient.invalidateQueries({ queryKey: functionsQuery.queryKey });
  }
}
