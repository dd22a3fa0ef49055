import { spec as SpecReporter, type TestEvent } from "node:test/reporters";

/**
 * Node's own `spec` reporter, with a list of what was skipped, and why, before its summary: among
 * hundreds of lines nobody would see them.
 */
// oxlint-disable-next-line import/no-default-export -- what node --test-reporter loads
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const reporter = new SpecReporter();
  const written = () => String(reporter.read() ?? "");
  const skipped: string[] = [];
  let listed = false;
  for await (const event of events) {
    if (event.type === "test:pass" && event.data.skip !== undefined) {
      const why = event.data.skip === true ? "no reason given" : event.data.skip;
      skipped.push(`﹣ ${event.data.name}: ${why}`);
    }
    // The first line of the summary; diagnostics of tests are nested or come before it.
    const summary = event.type === "test:diagnostic" && /^tests \d+$/.test(event.data.message);
    if (summary && !listed) {
      listed = true;
      if (skipped.length > 0) yield ["Skipped:", ...skipped, ""].join("\n");
    }
    reporter.write(event);
    yield written();
  }
  reporter.end();
  yield written();
}
