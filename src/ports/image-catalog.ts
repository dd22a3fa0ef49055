import type { Runtime, RuntimeImage } from "../core/runtime.ts";

/** A runtime with the image that is installed for it, if any. */
export interface CataloguedRuntime extends Runtime {
  /** `sha256:<hex>`; null where there is nothing installed or nothing to digest. */
  readonly imageDigest: string | null;
}

/** The runtimes of this host and what VMs of them are started from. */
export interface ImageCatalog {
  list(): Promise<readonly CataloguedRuntime[]>;
  /**
   * The image of a runtime. Rejects with `runtime_image_not_found` and the message
   * `Runtime image not found: <path>`, followed by what builds it.
   */
  resolve(runtime: string): Promise<RuntimeImage>;
}
