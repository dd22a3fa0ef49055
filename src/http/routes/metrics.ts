import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { Platform } from "../../functions/platform.ts";
import { readFigures } from "../../functions/read-figures.ts";
import { errorAnswers } from "../shared-schemas.ts";

/** What Prometheus reads. Not under /v1, where nobody would look for it. */
export function metricsRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      "/metrics",
      {
        schema: {
          summary: "The manager's metrics, in the text format of Prometheus",
          produces: ["text/plain"],
          response: { 200: Type.String(), ...errorAnswers() },
        },
        serializerCompiler: () => String,
      },
      async (_request, reply) => {
        const page = await platform.telemetry.readMetrics(await readFigures(platform));
        return reply.type(page.contentType).send(page.text);
      },
    );
    done();
  };
}
