/** A language a function can be written in: what is on this host, and a function to start from. */
export interface Runtime {
  /** What `runtime` is called in the API, for instance `node`. */
  readonly name: string;
  /** For people, for instance `Node.js 24.21.0`. */
  readonly interpreter: string;
  /** File extensions that `deploy` takes for this runtime, with the dot. */
  readonly extensions: readonly string[];
  /** A small function that works as it is. */
  readonly template: string;
}

/**
 * What a VM of a runtime is started from. A `vm` image is booted; a `host` image is the same
 * runtime server started by this host's own interpreter, with no isolation.
 */
export type RuntimeImage = VmImage | HostImage;

export interface VmImage {
  readonly kind: "vm";
  readonly runtime: string;
  /** SHA-256 over the digests of the files below, as `sha256:<hex>`. */
  readonly digest: string;
  /** Absolute paths. */
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootfs: string;
}

export interface HostImage {
  readonly kind: "host";
  readonly runtime: string;
  /** Interpreter, its flags and the runtime server, ready to start. */
  readonly argv: readonly [string, ...string[]];
}
