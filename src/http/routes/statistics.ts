import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { FunctionDayItem, StatisticsItem, StatisticsQuery } from "../../api/invocations.ts";
import { ItemOf, ItemsOf } from "../../api/shared.ts";
import type { Platform } from "../../functions/platform.ts";
import { readDay, readStatistics } from "../../functions/read-statistics.ts";
import { errorAnswers, FunctionParams } from "../shared-schemas.ts";
import { toFunctionDayItem, toStatisticsItem } from "../wire-mapping.ts";

/** How functions do: counts and latency. */
export function statisticsRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      "/v1/functions/:id/stats",
      {
        schema: {
          operationId: "getFunctionStats",
          tags: ["invocations"],
          summary: "Count a function's invocations, with latency and a time series",
          description:
            "Counts and averages are exact, percentiles right to 0.05 %. What the history dropped for the number of its records still counts; what is older than the history may be does not.",
          params: FunctionParams,
          querystring: StatisticsQuery,
          response: { 200: ItemOf(StatisticsItem), ...errorAnswers(404) },
        },
      },
      async ({ params, query }) => {
        const { window = "24h" } = query;
        const statistics = await readStatistics(platform, params.id, window);
        return { item: toStatisticsItem(window, statistics) };
      },
    );
    app.get(
      "/v1/stats",
      {
        schema: {
          operationId: "listFunctionDays",
          tags: ["invocations"],
          summary: "Count the last 24 hours of all functions, by the hour",
          description: "Functions that were not invoked in them are left out.",
          response: { 200: ItemsOf(FunctionDayItem) },
        },
      },
      async () => ({ items: (await readDay(platform)).map(toFunctionDayItem) }),
    );
    done();
  };
}
