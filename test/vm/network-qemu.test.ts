import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { TestManager } from "../support/manager.ts";
import { describeOnQemu } from "../support/vm-images.ts";
import { networkSuite, tries, tryIt } from "./network.ts";

await describeOnQemu((images) => {
  networkSuite({ driver: "qemu", images });

  describe("the network of a microVM without a namespace", () => {
    let manager: TestManager;
    before(async () => {
      const env = { FIRELET_NETWORK_MODE: "user", FIRELET_EGRESS: "internet" };
      manager = await TestManager.start({ driver: "qemu", images, env });
    });
    after(() => manager?.stop());

    it("lets nothing out, at once, and says so of the function and the host", async () => {
      const { id, egress_note: note } = await manager.deploy({
        name: "shut-in",
        runtime: "node",
        code: tryIt,
      });
      assert.match(note ?? "", /^Nothing gets out/);
      const { network, warnings } = await manager.client.getHost();
      assert.deepEqual([network.kind, network.outbound], ["user", false]);
      assert.match(warnings.join(), /connect to nothing.*network\.mode/);
      const { response, vm_id: vmId } = await manager.client.invokeFunction(id, {
        ...tries["an address of the Internet, TCP"],
      });
      assert.equal(response, "ENETUNREACH");
      await assert.rejects(manager.client.getVmNetwork(vmId), /lets nothing out/);
    });
  });
});
