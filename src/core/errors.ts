/** What a client of the API can be told went wrong: the HTTP status, and whether the same call can succeed later. */
export const errorTable = {
  invalid_request: { status: 400, retryable: false },
  wrong_credentials: { status: 401, retryable: false },
  forbidden: { status: 403, retryable: false },
  function_not_found: { status: 404, retryable: false },
  revision_not_found: { status: 404, retryable: false },
  vm_not_found: { status: 404, retryable: false },
  no_network: { status: 404, retryable: false },
  no_shell: { status: 404, retryable: false },
  route_not_found: { status: 404, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  name_taken: { status: 409, retryable: false },
  function_in_error: { status: 409, retryable: false },
  payload_too_large: { status: 413, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  upgrade_required: { status: 426, retryable: false },
  too_many_shells: { status: 429, retryable: true },
  queue_full: { status: 429, retryable: true },
  internal: { status: 500, retryable: false },
  vm_start_failed: { status: 500, retryable: true },
  code_rejected: { status: 500, retryable: false },
  runtime_image_not_found: { status: 500, retryable: false },
  image_build_failed: { status: 500, retryable: true },
  vm_lost: { status: 502, retryable: true },
  function_not_ready: { status: 503, retryable: true },
  host_full: { status: 503, retryable: true },
  driver_unavailable: { status: 503, retryable: false },
  shutting_down: { status: 503, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorTable;

/**
 * The one error that crosses layers. The message is written for the person who reads the answer:
 * the action, a colon, what was found and what was wanted. Anything else that reaches the HTTP
 * layer is a bug and becomes `internal`.
 */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  /** Seconds after which trying again makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "PlatformError";
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
