import { Fleets } from "../fleet/fleets.ts";
import type { FleetLimits } from "../fleet/fleet.ts";
import { Semaphore } from "../lib/semaphore.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { Log } from "../ports/log.ts";
import type { RuntimeClient } from "../ports/runtime-client.ts";
import type { RetentionLimit, Store } from "../ports/store.ts";
import type { VmDriver } from "../ports/vm-driver.ts";
import { deployFunction } from "./deploy-function.ts";
import { Deployments } from "./deployments.ts";
import { FunctionRegistry } from "./function-registry.ts";
import { InvocationRecorder } from "./invocation-recorder.ts";

/** What the composition root brings. */
export interface PlatformParts {
  readonly store: Store;
  readonly driver: VmDriver;
  readonly runtimeClient: RuntimeClient;
  readonly images: ImageCatalog;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PlatformLimits extends FleetLimits {
  /** Deploys, and VM starts, at once on this host. */
  readonly concurrentDeploys: number;
  readonly retention: RetentionLimit;
}

/** What the use-cases work with. */
export interface Platform extends PlatformParts {
  readonly registry: FunctionRegistry;
  readonly fleets: Fleets;
  readonly deployments: Deployments;
  readonly recorder: InvocationRecorder;
}

/** Puts the parts together and reads the functions from the store; starts no VM. */
export async function createPlatform(
  parts: PlatformParts,
  limits: PlatformLimits,
): Promise<Platform> {
  const { clock, log, store } = parts;
  const registry = new FunctionRegistry(store.functions);
  await registry.load();
  const fleets = new Fleets(limits, { ...parts, starts: new Semaphore(limits.concurrentDeploys) });
  const recorder = new InvocationRecorder(store.invocations, limits.retention, { clock, log });
  const deployments = new Deployments(
    (functionId, signal) => deployFunction({ clock, fleets, log, registry }, functionId, signal),
    new Semaphore(limits.concurrentDeploys),
    log,
  );
  return { ...parts, registry, fleets, deployments, recorder };
}
