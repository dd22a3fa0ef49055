import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { waitUntil } from "./wait-until.ts";

/** A span as OTLP has it in JSON, its attributes made plain. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it is nobody's part. */
  readonly parentSpanId: string;
  readonly traceState: string;
  /** 1: internal, 2: server, 3: client. */
  readonly kind: number;
  readonly failed: boolean;
  readonly message: string;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly exceptions: readonly Readonly<Record<string, unknown>>[];
  readonly service: unknown;
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: readonly WireAttribute[];
  readonly events: readonly { readonly name: string; readonly attributes: WireAttribute[] }[];
}

interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

/** A collector that keeps what it gets: OTLP over HTTP, in JSON, as the protocol's page describes it. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Paths and types of content that it was sent. */
  readonly calls = new Set<string>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<OtlpReceiver> {
    const server = createServer();
    const receiver = new OtlpReceiver(server);
    server.on("request", (request, response) => {
      receiver.calls.add(`${request.method} ${request.url} ${request.headers["content-type"]}`);
      void json(request).then((body) => {
        receiver.spans.push(...toSpans(body as WireRequest));
        response.setHeader("content-type", "application/json").end("{}");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return receiver;
  }

  /** What the manager's `OTEL_EXPORTER_OTLP_ENDPOINT` is to be. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits for a span that `isIt`. */
  async span(what: string, isIt: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> {
    let found: ReceivedSpan | undefined;
    await waitUntil(what, () => (found = this.spans.find(isIt)) !== undefined, 10_000);
    if (found === undefined) throw new Error(`No span: ${what}`);
    return found;
  }

  /** Waits for the part of `parent` that has this name. */
  part(parent: ReceivedSpan, name: string): Promise<ReceivedSpan> {
    const isIt = (span: ReceivedSpan) =>
      span.name === name && span.traceId === parent.traceId && span.parentSpanId === parent.spanId;
    return this.span(`${parent.name} → ${name}`, isIt);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function toSpans({ resourceSpans }: WireRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? "",
        traceState: span.traceState ?? "",
        kind: span.kind,
        failed: span.status.code === 2,
        message: span.status.message ?? "",
        durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
        attributes: plain(span.attributes),
        exceptions: span.events
          .filter(({ name }) => name === "exception")
          .map(({ attributes }) => plain(attributes)),
        service: plain(resource.attributes)["service.name"],
      })),
  );
}

function plain(attributes: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
