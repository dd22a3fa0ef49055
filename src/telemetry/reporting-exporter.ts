import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../ports/log.ts";

type ExportDone = Parameters<SpanExporter["export"]>[1];

/** Says in the log when a collector takes no spans, and when it does again; the SDK says nothing. */
export class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #url: string;
  readonly #log: Log;
  #lost = 0;

  constructor(exporter: SpanExporter, { url, log }: { readonly url: string; readonly log: Log }) {
    this.#exporter = exporter;
    this.#url = url;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: ExportDone): void {
    this.#exporter.export(spans, (result) => {
      if (result.error === undefined) this.#worked();
      else this.#failed(spans.length, result.error);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #worked(): void {
    if (this.#lost > 0) {
      this.#log.info({ url: this.#url, lost: this.#lost }, "Traces are taken again");
    }
    this.#lost = 0;
  }

  /** Once, until it works again: a collector that is away is away for many batches. */
  #failed(spans: number, error: Error): void {
    if (this.#lost === 0) {
      const facts = { url: this.#url, error: messageOf(error) };
      this.#log.warn(facts, "Traces are not taken, and are lost");
    }
    this.#lost += spans;
  }
}
