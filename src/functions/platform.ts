import { Fleets, type FleetsLimits } from "../fleet/fleets.ts";
import { HostBudget, type HostCapacity } from "../fleet/host-budget.ts";
import { Snapshots } from "../fleet/snapshots.ts";
import { GuestAgents } from "../observe/guest-agents.ts";
import { Shells } from "../observe/shells.ts";
import { VmMonitor } from "../observe/vm-monitor.ts";
import { Semaphore } from "../lib/semaphore.ts";
import type { AgentClient } from "../ports/guest-agent.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { Log } from "../ports/log.ts";
import type { VmNetwork } from "../ports/network.ts";
import type { RuntimeClient } from "../ports/runtime-client.ts";
import type { SnapshotStore } from "../ports/snapshot-store.ts";
import type { RetentionLimit, Store } from "../ports/store.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import type { VmDriver } from "../ports/vm-driver.ts";
import { ChangeFeed } from "./change-feed.ts";
import { deployFunction } from "./deploy-function.ts";
import { Deployments } from "./deployments.ts";
import { FunctionRegistry } from "./function-registry.ts";
import { InvocationRecorder } from "./invocation-recorder.ts";

/** What the composition root brings. */
export interface PlatformParts {
  readonly store: Store;
  readonly driver: VmDriver;
  readonly network: VmNetwork;
  readonly runtimeClient: RuntimeClient;
  readonly agentClient: AgentClient;
  readonly images: ImageCatalog;
  /** Null where every VM is to boot. */
  readonly snapshotStore: SnapshotStore | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
}

export interface PlatformLimits extends FleetsLimits {
  /** Deploys, and VM starts, at once on this host. */
  readonly concurrentDeploys: number;
  readonly capacity: HostCapacity;
  readonly retention: RetentionLimit;
}

/** What the use-cases work with. */
export interface Platform extends PlatformParts {
  readonly changes: ChangeFeed;
  readonly registry: FunctionRegistry;
  readonly budget: HostBudget;
  readonly fleets: Fleets;
  /** Null where every VM boots. */
  readonly snapshots: Snapshots | null;
  readonly deployments: Deployments;
  readonly recorder: InvocationRecorder;
  readonly agents: GuestAgents;
  readonly monitor: VmMonitor;
  readonly shells: Shells;
}

/** Puts the parts together and reads the functions from the store; starts no VM. */
export async function createPlatform(
  parts: PlatformParts,
  limits: PlatformLimits,
): Promise<Platform> {
  const { clock, log, store, telemetry } = parts;
  const changes = new ChangeFeed(clock);
  const registry = new FunctionRegistry(store.functions, changes);
  await registry.load();
  const starts = new Semaphore(limits.concurrentDeploys);
  const budget = new HostBudget(limits.capacity, clock);
  const snapshots = createSnapshots({ ...parts, starts, budget });
  const fleets = new Fleets(limits, { ...parts, changes, starts, budget, snapshots });
  const recorder = new InvocationRecorder(store.invocations, limits.retention, { clock, log });
  const deployments = new Deployments(
    (functionId, order) =>
      deployFunction({ clock, fleets, log, registry, telemetry }, functionId, order),
    new Semaphore(limits.concurrentDeploys),
    log,
  );
  const agents = new GuestAgents(parts.driver, parts.agentClient);
  const monitor = new VmMonitor({ ...parts, agents, vms: () => fleets.vms });
  const shells = new Shells(agents, clock);
  const work = { changes, registry, budget, fleets, snapshots, deployments, recorder };
  return { ...parts, ...work, agents, monitor, shells };
}

function createSnapshots(
  parts: PlatformParts & { readonly starts: Semaphore; readonly budget: HostBudget },
): Snapshots | null {
  const { driver, snapshotStore } = parts;
  if (snapshotStore === null || driver.snapshots === undefined) return null;
  return new Snapshots({ ...parts, store: snapshotStore }, driver.snapshots);
}
