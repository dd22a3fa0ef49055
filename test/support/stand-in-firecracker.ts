import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { type TSchema, Type } from "typebox";
import { Check, Errors } from "typebox/value";

/** A request as a line to compare: `PUT /vm`. */
type Request = `${"PUT" | "PATCH"} /${string}`;

interface Rule {
  /** Whether there has to be a machine that was started or restored, or must not be one. */
  readonly when: "before start" | "after start" | "paused";
  readonly body: TSchema;
}

function body(properties: Parameters<typeof Type.Object>[0], optional: typeof properties = {}) {
  const others = Object.entries(optional).map(([name, one]) => [name, Type.Optional(one)] as const);
  const all = { ...properties, ...Object.fromEntries(others) };
  return Type.Object(all, { additionalProperties: false });
}

const text = Type.String({ minLength: 1 });
const flag = Type.Boolean();

/**
 * What Firecracker 1.12.0, the oldest that is driven, takes of the requests that a manager makes:
 * the fields that its API description (src/firecracker/swagger/firecracker.yaml of its sources)
 * names for them, but for the limits of rates. It takes no field that it does not name. Later
 * versions take the same and more.
 */
const rules: Readonly<Record<Request, Rule>> = {
  "PUT /metrics": { when: "before start", body: body({ metrics_path: text }) },
  "PUT /machine-config": {
    when: "before start",
    body: body(
      {
        vcpu_count: Type.Integer({ minimum: 1, maximum: 32 }),
        mem_size_mib: Type.Integer({ minimum: 1 }),
      },
      { smt: flag, track_dirty_pages: flag, huge_pages: Type.Enum(["None", "2M"]) },
    ),
  },
  "PUT /boot-source": {
    when: "before start",
    body: body({ kernel_image_path: text }, { initrd_path: text, boot_args: text }),
  },
  "PUT /drives/{drive_id}": {
    when: "before start",
    body: body(
      { drive_id: text, path_on_host: text, is_root_device: flag },
      {
        is_read_only: flag,
        partuuid: text,
        cache_type: Type.Enum(["Unsafe", "Writeback"]),
        io_engine: Type.Enum(["Sync", "Async"]),
      },
    ),
  },
  "PUT /network-interfaces/{iface_id}": {
    when: "before start",
    body: body(
      { iface_id: text, host_dev_name: text },
      { guest_mac: Type.String({ pattern: "^([0-9a-f]{2}:){5}[0-9a-f]{2}$" }) },
    ),
  },
  "PUT /entropy": { when: "before start", body: body({}) },
  "PUT /vsock": {
    when: "before start",
    body: body({ guest_cid: Type.Integer({ minimum: 3 }), uds_path: text }),
  },
  "PUT /snapshot/load": {
    when: "before start",
    body: body(
      {
        snapshot_path: text,
        mem_backend: body({ backend_type: Type.Enum(["File", "Uffd"]), backend_path: text }),
      },
      {
        resume_vm: flag,
        enable_diff_snapshots: flag,
        network_overrides: Type.Array(body({ iface_id: text, host_dev_name: text })),
      },
    ),
  },
  "PUT /snapshot/create": {
    when: "paused",
    body: body(
      { snapshot_path: text, mem_file_path: text },
      { snapshot_type: Type.Enum(["Full", "Diff"]) },
    ),
  },
  "PATCH /vm": { when: "after start", body: body({ state: Type.Enum(["Paused", "Resumed"]) }) },
};

const actions = ["FlushMetrics", "InstanceStart"] as const;

/** What may be asked before the machine is restored; all else makes another machine. */
const besidesMachine: readonly string[] = ["PUT /metrics", "PUT /snapshot/load"];

/**
 * Answers as a Firecracker's API does, and has no machine: it holds each request to what
 * Firecracker describes, and to when Firecracker takes it.
 */
export class StandInFirecracker {
  readonly #server = createServer((request, response) => {
    void json(request).then((sent) => {
      const fault = this.take(request.method ?? "", request.url ?? "", sent);
      if (fault === null) return response.writeHead(204).end();
      return response.writeHead(400).end(JSON.stringify({ fault_message: fault }));
    });
  });
  #state: "none" | "running" | "paused" = "none";
  readonly #configured = new Set<string>();

  get state(): string {
    return this.#state;
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** What is wrong with a request; null where it is done. */
  take(method: string, path: string, sent: unknown): string | null {
    if (path === "/actions") return this.#act(sent);
    const [found, rule] = ruleOf(method, path, sent) ?? [];
    if (found === undefined || rule === undefined) return `no such request: ${method} ${path}`;
    const [error] = Errors(rule.body, sent);
    if (error !== undefined || !Check(rule.body, sent)) {
      return `${error?.instancePath ?? ""} ${error?.message ?? "is wrong"}`;
    }
    if (rule.when === "before start" ? this.#state !== "none" : this.#state === "none") {
      return `not supported ${rule.when === "before start" ? "after" : "before"} starting the microVM`;
    }
    if (rule.when === "paused" && this.#state !== "paused") return "the microVM is not paused";
    if (found === "PUT /snapshot/load") {
      const other = [...this.#configured].find((one) => !besidesMachine.includes(one));
      if (other !== undefined) return `not allowed after ${other}`;
    }
    this.#configured.add(found);
    this.#follow(found, sent as Readonly<Record<string, unknown>>);
    return null;
  }

  #act(sent: unknown): string | null {
    const schema = body({ action_type: Type.Enum([...actions]) });
    if (!Check(schema, sent)) return "no such action";
    const { action_type: action } = sent as { action_type: (typeof actions)[number] };
    const isStart = action === "InstanceStart";
    if (isStart !== (this.#state === "none")) return `${action} is not supported now`;
    if (!isStart) return null;
    if (!this.#configured.has("PUT /boot-source")) return "no boot source";
    this.#state = "running";
    return null;
  }

  #follow(request: Request, sent: Readonly<Record<string, unknown>>): void {
    const { state, resume_vm: resumes } = sent;
    if (request === "PUT /snapshot/load") this.#state = resumes === true ? "running" : "paused";
    if (request === "PATCH /vm") this.#state = state === "Paused" ? "paused" : "running";
  }
}

/** The rule for a request; the name in its path is the one in its body. */
function ruleOf(method: string, path: string, sent: unknown): readonly [Request, Rule] | undefined {
  const fields = Object(sent) as Readonly<Record<string, unknown>>;
  const filled = (request: string) =>
    request.replace(/\{(\w+)\}/, (_, name: string) => String(fields[name]));
  const found = Object.entries(rules).find(([request]) => filled(request) === `${method} ${path}`);
  return found as readonly [Request, Rule] | undefined;
}
