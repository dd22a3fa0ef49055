import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import { MemorySnapshots } from "../../test/support/memory-snapshots.ts";
import { OtlpReceiver } from "../../test/support/otlp-receiver.ts";
import { PlatformError } from "../core/errors.ts";
import type { ReceivedCall, Telemetry } from "../ports/telemetry.ts";
import { openTelemetry } from "./telemetry.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const build = { version: "1.2.3", driver: "process", accelerator: "none" };
const call: ReceivedCall = {
  requestId: "r-1",
  method: "POST",
  route: "/v1/functions/:id/invoke",
  path: "/v1/functions/hello/invoke",
  host: "[::1]:18080",
  client: "::1",
  userAgent: undefined,
  caller: undefined,
};

async function answerOne(telemetry: Telemetry): Promise<void> {
  telemetry.receive(call).answered?.(200);
}

describe("telemetry with a collector", () => {
  let receiver: OtlpReceiver;
  before(async () => {
    receiver = await OtlpReceiver.start();
  });
  after(() => receiver.stop());

  /** Does `work` with telemetry of its own, and resolves to the spans that came of it. */
  async function spansOf(work: (telemetry: Telemetry) => Promise<void>, traceRatio = 1) {
    receiver.spans.length = 0;
    const settings = { otlpEndpoint: receiver.endpoint, traceRatio };
    const telemetry = await openTelemetry(settings, build, log);
    await work(telemetry);
    await telemetry.close();
    return [...receiver.spans];
  }

  it("shows what a deploy is made of, the making of its snapshots included", async () => {
    const spans = await spansOf(async (telemetry) => {
      const store = new MemorySnapshots();
      const { fleet, record } = fleetOf({ deployed: null }, { store, telemetry });
      await deploy(fleet, record);
    });
    const path = ({ name, parentSpanId }: (typeof spans)[number]): string => {
      const parent = spans.find(({ spanId }) => spanId === parentSpanId);
      return parent === undefined ? name : `${path(parent)} ${name}`;
    };
    const made = "vm.start snapshot.function";
    assert.deepEqual(spans.map(path).toSorted(), [
      "vm.start",
      made,
      `${made} code.load`,
      `${made} image.resolve`,
      `${made} snapshot.base`,
      `${made} snapshot.base image.resolve`,
      `${made} snapshot.base snapshot.write`,
      `${made} snapshot.base vm.boot`,
      `${made} snapshot.write`,
      `${made} vm.restore`,
      `${made} vm.wake`,
      "vm.start vm.restore",
      "vm.start vm.wake",
    ]);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const [start] = spans.filter(({ name }) => name === "vm.start");
    assert.equal(start?.attributes["firelet.vm.start_way"], "clone");
    const [snapshot] = spans.filter(({ name }) => name === "snapshot.function");
    assert.equal(snapshot?.attributes["firelet.snapshot.found"], false);
  });

  it("says how calls were answered, and that those of 500 and more failed", async () => {
    const spans = await spansOf(async (telemetry) => {
      for (const status of [200, 404, 502, undefined]) telemetry.receive(call).answered?.(status);
    });
    const seen = spans.map(({ attributes, failed }) => [
      attributes["http.response.status_code"],
      failed,
      attributes["error.type"],
    ]);
    assert.deepEqual(seen, [
      [200, false, undefined],
      [404, false, undefined],
      [502, true, "502"],
      [undefined, false, undefined],
    ]);
    assert.equal(spans[0]?.attributes["server.address"], "[::1]");
    assert.equal(spans[0]?.attributes["server.port"], 18_080);
    assert.equal(spans[0]?.attributes["firelet.request_id"], "r-1");
  });

  it("records what a step rejects with, and passes it on", async () => {
    const error = new PlatformError("vm_lost", "Lost the VM");
    const spans = await spansOf(async (telemetry) => {
      const work = () => Promise.reject(error);
      await assert.rejects(telemetry.follow("vm.boot", {}, undefined, work), error);
    });
    assert.equal(spans[0]?.failed, true);
    assert.equal(spans[0]?.message, "Lost the VM");
    assert.equal(spans[0]?.attributes["error.type"], "vm_lost");
  });

  it("records a part of the traces, whole or not at all", async () => {
    const contexts: (string | undefined)[] = [];
    const spans = await spansOf(async (telemetry) => {
      for (let n = 0; n < 400; n += 1) {
        const span = telemetry.receive(call);
        await telemetry.follow("function.invoke", { requestId: "r" }, span, async (part) => {
          contexts.push(part.context?.traceparent.slice(-2));
          assert.equal(part.ids.traceId, span.ids.traceId);
        });
        span.answered?.(200);
      }
    }, 0.5);
    const sampled = contexts.filter((flags) => flags === "01").length;
    assert.ok(sampled > 100 && sampled < 300, `${sampled} of 400`);
    assert.equal(spans.length, 2 * sampled);
  });

  it("begins no work late: whoever starts a step has started it", async () => {
    await spansOf(async (telemetry) => {
      let begun = false;
      const done = telemetry.follow("vm.start", {}, undefined, async () => {
        begun = true;
      });
      assert.equal(begun, true);
      await done;
    });
  });

  it("names its service, or as the operator wants it named", async () => {
    assert.equal((await spansOf(answerOne))[0]?.service, "firelet");
    process.env["OTEL_SERVICE_NAME"] = "functions";
    try {
      assert.equal((await spansOf(answerOne))[0]?.service, "functions");
    } finally {
      delete process.env["OTEL_SERVICE_NAME"];
    }
  });
});
