import type { Fleets } from "../fleet/fleets.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { Log } from "../ports/log.ts";
import type { Store } from "../ports/store.ts";
import type { VmDriver } from "../ports/vm-driver.ts";
import type { Deployments } from "./deployments.ts";
import type { FunctionRegistry } from "./function-registry.ts";
import type { InvocationRecorder } from "./invocation-recorder.ts";

/** What the use-cases work with; made once, by the composition root. */
export interface Platform {
  readonly registry: FunctionRegistry;
  readonly fleets: Fleets;
  readonly deployments: Deployments;
  readonly recorder: InvocationRecorder;
  readonly store: Store;
  readonly images: ImageCatalog;
  readonly driver: VmDriver;
  readonly clock: Clock;
  readonly log: Log;
}
