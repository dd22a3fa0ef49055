import { chmod, mkdir, stat } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { pino, type Logger } from "pino";
import type { Config } from "./config.ts";
import { messageOf, PlatformError } from "./core/errors.ts";
import { functionDefaults } from "./api/function-defaults.ts";
import { lineAgentClient } from "./agent/line-agent.ts";
import { createDrivers, type ChosenDriver } from "./drivers/registry.ts";
import type { HostCapacity } from "./fleet/host-budget.ts";
import { createPlatform, type Platform, type PlatformLimits } from "./functions/platform.ts";
import { prepareSnapshots } from "./functions/prepare-snapshots.ts";
import { reconcile } from "./functions/reconcile.ts";
import { shutDown } from "./functions/shut-down.ts";
import { buildApp } from "./http/app.ts";
import type { HostFacts } from "./http/host-facts.ts";
import { BuiltImageCatalog } from "./images/built-image-catalog.ts";
import { HostRuntimeCatalog } from "./images/host-runtime-catalog.ts";
import { openHostNetwork, openNetwork } from "./network/open-network.ts";
import { tryExclusiveLock } from "./os/exclusive-lock.ts";
import { systemClock } from "./os/system-clock.ts";
import { HttpRuntimeClient } from "./runtime/http-runtime-client.ts";
import type { NetworkFacts } from "./ports/network.ts";
import { FileSnapshotStore } from "./snapshots/file-snapshot-store.ts";
import { openSqliteStore } from "./store/sqlite-store.ts";
import { openTelemetry } from "./telemetry/telemetry.ts";

/** What is known of this Firelet before anything of it runs. */
export interface Build {
  readonly version: string;
  /** Where the console was built; null where it was not. */
  readonly consoleFolder: string | null;
}

/** A manager that listens. */
export interface RunningManager {
  /** Where it listens, for instance `http://127.0.0.1:18080`. */
  readonly url: string;
  /** Lets running invocations finish within the drain time, and ends everything. Once. */
  stop(): Promise<void>;
}

const day = 86_400_000;

/**
 * Composes a manager out of the real parts and starts it: ends what an earlier one left running,
 * takes up its unfinished deploys, and listens. Rejects with a message for the operator, and
 * leaves nothing behind, where that cannot be done.
 */
export async function startManager(
  config: Config,
  { version, consoleFolder }: Build,
): Promise<RunningManager> {
  // What the manager writes is its own; what VMs must read says so where it is written.
  process.umask(0o077);
  await using undo = new AsyncDisposableStack();
  const log = createLog(config);
  undo.use(await takeDataFolder(config.dataDir));
  const store = await openSqliteStore(join(config.dataDir, "firelet.db"));
  undo.defer(() => store.close());
  const images = new BuiltImageCatalog({ dataDir: config.dataDir, overrides: config.images });
  const { dataDir, firecrackerPath, jailer, jailerPath, qemuPath, limits } = config;
  const network = await openVmNetwork(config, log);
  undo.defer(() => network[Symbol.asyncDispose]?.());
  const { bootTimeoutMs } = limits;
  const programs = { firecrackerPath, jailer, jailerPath, qemuPath };
  const drivers = createDrivers({ dataDir, network, ...programs, bootTimeoutMs, images });
  const chosen = await drivers.choose(config.driver);
  const { accelerator } = chosen.probe;
  const seenAs = { version, driver: chosen.driver.kind, accelerator };
  const telemetry = await openTelemetry(config.telemetry, seenAs, log);
  undo.defer(() => telemetry.close());
  const platform = await createPlatform(
    {
      store,
      driver: chosen.driver,
      network,
      runtimeClient: new HttpRuntimeClient(),
      agentClient: lineAgentClient,
      images: chosen.driver.kind === "process" ? new HostRuntimeCatalog() : images,
      snapshotStore: await openSnapshots(config, chosen, log),
      clock: systemClock,
      log,
      telemetry,
    },
    platformLimits(config),
  );
  undo.defer(() => shutDown(platform));
  const facts = hostFacts(version, chosen, {
    probes: await drivers.probeAll(),
    capacity: platformLimits(config).capacity,
    network: network.facts,
  });
  for (const warning of facts.warnings) log.warn({ driver: chosen.driver.kind }, warning);
  const app = await buildApp(platform, { ...facts, consoleFolder }, log);
  undo.defer(() => closeApp(app, shutDown(platform)));
  await reconcile(platform);
  platform.monitor.start();
  const url = await listen(app, config);
  log.info({ url, ...facts.driver, version }, "Manager listens");
  if (config.snapshots.prepare) undo.use(prepareInBackground(platform));
  const parts = undo.move();
  return {
    url,
    async stop() {
      log.info({ vms: platform.fleets.vms.length }, "Manager stops");
      await parts.disposeAsync();
      log.info({}, "Manager stopped");
    },
  };
}

/** Functions that are processes have the network of this host, where nothing is to be made ready. */
async function openVmNetwork({ dataDir, driver, network }: Config, log: Logger) {
  if (driver === "process") return openHostNetwork();
  return openNetwork(network, { dataDir, log });
}

/** Snapshots are the manager's own, and only of use to a driver that has them. */
async function openSnapshots(
  { dataDir, snapshots }: Config,
  { driver }: ChosenDriver,
  log: Logger,
): Promise<FileSnapshotStore | null> {
  if (!snapshots.enabled || driver.snapshots === undefined) return null;
  return FileSnapshotStore.open({ dataDir, limitBytes: snapshots.diskMib * 2 ** 20, log });
}

/** Makes base snapshots while the manager already listens; ends with it. */
function prepareInBackground(platform: Platform): AsyncDisposable {
  const stop = new AbortController();
  const size = { vcpus: functionDefaults.vcpu, memoryMib: functionDefaults.memory_mb };
  const prepared = prepareSnapshots(platform, size, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new PlatformError("shutting_down", "The manager is stopping"));
      await prepared;
    },
  };
}

/** Takes no new call, and ends connections once the calls under way have had their answers. */
async function closeApp(app: FastifyInstance, drained: Promise<void>): Promise<void> {
  const closed = app.close();
  await drained;
  // A client that keeps its connection would hold the server open for as long as it likes.
  const idle = setInterval(() => app.server.closeIdleConnections(), 20);
  const patience = setTimeout(() => app.server.closeAllConnections(), 1_000);
  await closed;
  clearInterval(idle);
  clearTimeout(patience);
}

function createLog({ logLevel }: Config): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Standard output is for what a command answers.
  return pino(options, pino.destination(2));
}

/** Makes the data folder and holds it, so that no two managers work on one. */
async function takeDataFolder(dataDir: string): Promise<Disposable> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  // VMs run under users of their own, who pass through to their files and read nothing else. Of a
  // folder that was there no more is changed than that takes.
  await chmod(dataDir, (await stat(dataDir)).mode | 0o111);
  const lock = tryExclusiveLock(join(dataDir, "manager.lock"));
  if (lock === null) {
    throw new Error(
      `Cannot start the manager: another one works on the data folder ${dataDir}; stop it, or choose another folder with --data`,
    );
  }
  return { [Symbol.dispose]: () => lock.release() };
}

function platformLimits({ limits, retention, snapshots }: Config): PlatformLimits {
  const fourFifthsMib = Math.floor((0.8 * totalmem()) / 2 ** 20);
  return {
    standbyVms: snapshots.standbyVms,
    capacity: { vms: limits.vms, memoryMib: limits.vmMemoryMib || fourFifthsMib },
    queueLength: limits.queuePerFunction,
    wakeMs: limits.bootTimeoutMs,
    drainMs: limits.drainMs,
    concurrentDeploys: limits.concurrentDeploys,
    retention: {
      maxAgeMs: retention.invocationDays * day,
      maxRecords: retention.invocationsPerFunction,
    },
  };
}

interface FoundOnHost extends Pick<HostFacts, "probes"> {
  readonly capacity: HostCapacity;
  readonly network: NetworkFacts;
}

function hostFacts(
  version: string,
  { driver, probe, reason }: ChosenDriver,
  { probes, capacity, network }: FoundOnHost,
): Omit<HostFacts, "consoleFolder"> {
  const { accelerator, isolation, notes } = probe;
  return {
    version,
    driver: { driver: driver.kind, accelerator, isolation },
    driverReason: reason,
    warnings: [...notes, ...network.notes],
    probes,
    capacity: {
      cpus: availableParallelism(),
      memory_mb: Math.floor(totalmem() / 2 ** 20),
      vms: capacity.vms,
      vm_memory_mb: capacity.memoryMib,
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const message = `Cannot listen on ${host}:${port}: ${messageOf(error)}; choose another port with --port`;
    throw new PlatformError("internal", message, { cause: error });
  }
}
