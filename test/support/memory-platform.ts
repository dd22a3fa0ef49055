import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { FastifyInstance, InjectOptions } from "fastify";
import { createPlatform, type Platform } from "../../src/functions/platform.ts";
import { shutDown } from "../../src/functions/shut-down.ts";
import { buildApp } from "../../src/http/app.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import type { ImageCatalog } from "../../src/ports/image-catalog.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { AnswerChecker } from "./answer-checker.ts";
import { FakeAgents } from "./fake-agents.ts";
import { FakeVms } from "./fake-vms.ts";
import { untracedTelemetry } from "../../src/telemetry/telemetry.ts";
import { MemoryNetwork } from "./memory-network.ts";

const images: ImageCatalog = {
  list: () =>
    Promise.resolve(
      ["node", "python"].map((name) => ({
        name,
        interpreter: `${name} 1.0`,
        extensions: [".x"],
        template: "template",
        imageDigest: null,
      })),
    ),
  resolve: (runtime) => Promise.resolve({ kind: "host", runtime, argv: ["none"] }),
};

/** The manager's API over a real store and VMs that exist in memory only. */
export interface MemoryPlatform {
  /** Its `inject` rejects where an answer is not what the OpenAPI document says of it. */
  readonly app: FastifyInstance;
  readonly platform: Platform;
  readonly vms: FakeVms;
  readonly agents: FakeAgents;
  readonly network: MemoryNetwork;
  close(): Promise<void>;
}

/** Starts one in a temporary folder of its own; opens no port. */
export async function startMemoryPlatform(): Promise<MemoryPlatform> {
  const folder = await mkdtemp(join(tmpdir(), "firelet-http-"));
  const store = await openSqliteStore(join(folder, "firelet.db"));
  const vms = new FakeVms();
  const agents = new FakeAgents();
  const network = new MemoryNetwork();
  const log = pino({ level: "silent" });
  const platform = await createPlatform(
    {
      store,
      driver: vms,
      network,
      runtimeClient: vms,
      agentClient: agents,
      images,
      snapshotStore: null,
      clock: systemClock,
      log,
      telemetry: untracedTelemetry({ version: "0.0.0", driver: "process", accelerator: "none" }),
    },
    {
      queueLength: 10,
      wakeMs: 60_000,
      drainMs: 200,
      concurrentDeploys: 2,
      standbyVms: 0,
      capacity: { vms: 100, memoryMib: 100_000 },
      retention: { maxAgeMs: 86_400_000, maxRecords: 1_000 },
    },
  );
  const host = {
    version: "0.0.0",
    driver: { driver: "process", accelerator: "none", isolation: "none" as const },
    driverReason: "a test",
    warnings: [],
    probes: [],
    capacity: { cpus: 1, memory_mb: 1024, vms: 100, vm_memory_mb: 100_000 },
    consoleFolder: null,
  };
  const app = await buildApp(platform, host, log);
  await checkAnswers(app);
  return {
    app,
    platform,
    vms,
    agents,
    network,
    async close() {
      await app.close();
      await shutDown(platform);
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function checkAnswers(app: FastifyInstance): Promise<void> {
  const inject = app.inject.bind(app);
  const checker = new AnswerChecker((await inject("/openapi.json")).json());
  const checked = async (call: InjectOptions | string) => {
    const options = typeof call === "string" ? { url: call } : call;
    const answer = await inject(options);
    const problem = checker.problem({
      method: options.method ?? "GET",
      path: typeof options.url === "string" ? options.url : (options.url?.pathname ?? "/"),
      status: answer.statusCode,
      contentType: String(answer.headers["content-type"]),
      text: answer.payload,
    });
    if (problem !== null) throw new Error(`Not as the OpenAPI document says: ${problem}`);
    return answer;
  };
  app.inject = checked as typeof app.inject;
}
