import swagger from "@fastify/swagger";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import type { Platform } from "../functions/platform.ts";
import { answerFrameworkError, answerUnreadable, installErrorHandlers } from "./error-handler.ts";
import type { HostFacts } from "./host-facts.ts";
import { installJsonBody } from "./json-body.ts";
import { installOriginGuard } from "./origin-guard.ts";
import { openapiInfo } from "./openapi.ts";
import { installConsole } from "./routes/console.ts";
import { docsRoutes } from "./routes/docs.ts";
import { documentRoutes } from "./routes/document.ts";
import { functionRoutes } from "./routes/functions.ts";
import { hostRoutes } from "./routes/host.ts";
import { invocationRoutes } from "./routes/invocations.ts";
import { revisionRoutes } from "./routes/revisions.ts";
import { requestValidator } from "./request-validator.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { statisticsRoutes } from "./routes/statistics.ts";
import { streamRoutes } from "./routes/streams.ts";
import { vmMetricsRoutes } from "./routes/vm-metrics.ts";
import { vmShellRoutes } from "./routes/vm-shell.ts";
import { vmRoutes } from "./routes/vms.ts";
import { installTracing } from "./trace-calls.ts";
import { installWebSockets } from "./websockets.ts";

/** A body may hold an event of 6 MiB, escaped and in its envelope. */
const maxBodyBytes = 8 * 1024 * 1024;

/** Builds the HTTP API; opens no port. */
export async function buildApp(
  platform: Platform,
  host: HostFacts,
  log: FastifyBaseLogger,
): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: log,
    // A line for each request would cost a third of the throughput; changes and failures log themselves.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => platform.clock.newId(),
    bodyLimit: maxBodyBytes,
    // Names have at most 63 characters, which percent encoding can treble.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    // Our own 503 has the body of all errors.
    return503OnClosing: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerUnreadable(() => platform.clock.newId()),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(requestValidator());
  installJsonBody(app);
  // First, so that a refusal has it too.
  app.addHook("onRequest", (request, reply, done) => {
    void reply.header("x-request-id", request.id);
    done();
  });
  installTracing(app, platform.telemetry);
  await installWebSockets(app);
  installOriginGuard(app);
  installErrorHandlers(app);
  // The schemas describe answers, they do not filter them; the tests hold the two together.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  await app.register(swagger, { openapi: openapiInfo(host.version) });
  await app.register(functionRoutes(platform));
  await app.register(revisionRoutes(platform));
  await app.register(invocationRoutes(platform));
  await app.register(statisticsRoutes(platform));
  await app.register(streamRoutes(platform));
  await app.register(vmRoutes(platform, host.driver));
  await app.register(vmMetricsRoutes(platform));
  await app.register(vmShellRoutes(platform));
  await app.register(hostRoutes(platform, host));
  await app.register(metricsRoutes(platform));
  await app.register(docsRoutes());
  await installConsole(app, host.consoleFolder);
  await app.register(documentRoutes(() => app.swagger()));
  return app;
}
