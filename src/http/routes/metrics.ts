import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import type { Platform } from "../../functions/platform.ts";
import { readFigures } from "../../functions/read-figures.ts";
import { answerOf, errorAnswers } from "../shared-schemas.ts";

/** What Prometheus reads. Not under /v1, where nobody would look for it. */
export function metricsRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      "/metrics",
      {
        schema: {
          operationId: "readMetrics",
          tags: ["host"],
          summary: "The manager's metrics, in the text format of Prometheus",
          response: {
            200: answerOf("text/plain", "Prometheus's text format"),
            ...errorAnswers(),
          },
        },
      },
      async (_request, reply) => {
        const page = await platform.telemetry.readMetrics(await readFigures(platform));
        return reply.type(page.contentType).send(page.text);
      },
    );
    done();
  };
}
