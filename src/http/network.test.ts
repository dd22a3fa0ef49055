import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { waitUntil } from "../../test/support/wait-until.ts";
import type { NetworkFacts } from "../ports/network.ts";

const hello = { name: "hello", runtime: "node", code: "async function handler() {}" };
const url = "/v1/functions/hello";

const ownStack: NetworkFacts = {
  kind: "user",
  outbound: false,
  egress: "none",
  notes: ["nft is not installed"],
};
const ofHost: NetworkFacts = { kind: "host", outbound: true, egress: "internet", notes: [] };

describe("networks over HTTP", () => {
  let memory: MemoryPlatform;
  beforeEach(async () => {
    memory = await startMemoryPlatform();
  });
  afterEach(() => memory.close());

  const get = async (path: string) => (await memory.app.inject({ url: path })).json();
  const put = (payload: object) => memory.app.inject({ method: "PUT", url, payload });
  const policyIn = (vmId: string) => memory.network.policies.get(vmId);

  /** Creates it and waits for its VM, whose id that is. */
  async function create(fields: object = {}): Promise<string> {
    const payload = { ...hello, ...fields };
    await memory.app.inject({ method: "POST", url: "/v1/functions", payload });
    await waitUntil("ready", async () => (await get(url)).item.state === "ready");
    return (await get(url)).item.vm_id;
  }

  it("lets a function reach the Internet unless it says otherwise, and shows what it said", async () => {
    await create();
    assert.equal((await get(url)).item.egress, "internet");
    for (const egress of ["none", [], ["API.example.com:443", "10.0.0.0/8"], "internet"]) {
      const answer = await put({ egress });
      assert.equal(answer.statusCode, 200, answer.body);
      assert.deepEqual(answer.json().item.egress, egress);
      const { items } = await get("/v1/functions");
      assert.deepEqual([(await get(url)).item.egress, items[0].egress], [egress, egress]);
    }
  });

  it("takes the policy that a create request has", async () => {
    await create({ egress: ["api.example.com"] });
    assert.deepEqual((await get(url)).item.egress, ["api.example.com"]);
  });

  it("answers an update when its policy holds in the running VMs, without a new revision", async () => {
    const vmId = await create();
    const gate = Promise.withResolvers<void>();
    memory.network.setEgressWith = () => gate.promise;
    let answered = false;
    const answer = put({ egress: "none" }).finally(() => (answered = true));
    await waitUntil("it is stored", async () => (await get(url)).item.egress === "none");
    assert.equal(answered, false);
    gate.resolve();
    const { item } = (await answer).json();
    assert.equal(policyIn(vmId), "none");
    assert.deepEqual([item.revision, item.vm_id], [1, vmId]);
  });

  it("sets no policy in VMs where an update has none, or where it is refused", async () => {
    const vmId = await create();
    await put({ timeout_seconds: 60 });
    assert.equal((await put({ egress: ["10.0.0.1/8"] })).statusCode, 400);
    assert.equal(policyIn(vmId), undefined);
    assert.equal((await get(url)).item.egress, "internet");
  });

  it("replaces VMs that would keep an older policy, says so, and may be asked again", async () => {
    const vmId = await create({ min_vms: 1 });
    memory.network.setEgressWith = () => Promise.reject(new Error("no such table"));
    const answer = await put({ egress: "none", code: "new" });
    assert.equal(answer.statusCode, 500);
    assert.match(
      answer.json().error,
      /"hello": no such table; it is stored, and the VMs are being/,
    );
    memory.network.setEgressWith = () => Promise.resolve();
    await waitUntil("another VM runs the new code", async () => {
      const { item } = await get(url);
      return item.vm_id !== null && item.vm_id !== vmId && item.deployed_revision === 2;
    });
    assert.ok(memory.vms.destroyed.includes(vmId));
    assert.equal((await put({ egress: "none" })).statusCode, 200);
    assert.equal(policyIn((await get(url)).item.vm_id), "none");
  });

  it("says what of a policy is not so on this host", async () => {
    const notes: (string | null)[] = [];
    const narrow = memory.network.facts;
    await create();
    for (const facts of [memory.network.facts, ownStack, ofHost]) {
      memory.network.facts = facts;
      for (const egress of ["internet", "none"]) {
        notes.push((await put({ egress })).json().item.egress_note);
      }
    }
    memory.network.facts = { ...narrow, egress: ["internet", "10.99.0.0/24"] };
    const { item } = (await put({ egress: "internet" })).json();
    assert.equal(
      item.egress_note,
      "At most what network.egress of this host allows: internet, 10.99.0.0/24",
    );
    const [internet, none, openUser, closedUser, openHost, closedHost] = notes;
    assert.deepEqual([internet, none, closedUser], [null, null, null]);
    assert.match(openUser ?? "", /^Nothing gets out: .*\/v1\/host says why$/);
    assert.match(openHost ?? "", /^Not enforced: functions are processes of this host/);
    assert.equal(closedHost, openHost);
  });

  it("shows the host's network", async () => {
    memory.network.facts = ownStack;
    assert.deepEqual((await get("/v1/host")).item.network, ownStack);
  });

  it("shows what a VM sent, received and may not connect to, by id and by name", async () => {
    const vmId = await create();
    const refused = { address: "10.0.0.1", protocol: "tcp", port: 22, packets: 3 } as const;
    memory.network.uses.set(vmId, {
      egress: ["api.example.com"],
      sentBytes: 1,
      receivedBytes: 2,
      dropped: { policy: 3, spoofed: 4, ipv6: 5, limit: 6 },
      refusedConnections: [refused],
      refusedNames: ["evil.example"],
    });
    const item = {
      egress: ["api.example.com"],
      sent_bytes: 1,
      received_bytes: 2,
      dropped: { policy: 3, spoofed: 4, ipv6: 5, limit: 6 },
      refused_connections: [refused],
      refused_names: ["evil.example"],
    };
    const { name } = (await get(`/v1/vms/${vmId}`)).item;
    assert.deepEqual(await get(`/v1/vms/${vmId}/network`), { item });
    assert.deepEqual(await get(`/v1/vms/${name}/network`), { item });
  });

  it("says why nothing is known of a VM's network", async () => {
    const vmId = await create();
    const whys: string[] = [];
    for (const facts of [memory.network.facts, ownStack, ofHost]) {
      memory.network.facts = facts;
      const answer = await memory.app.inject({ url: `/v1/vms/${vmId}/network` });
      assert.deepEqual([answer.statusCode, answer.json().code], [404, "no_network"]);
      whys.push(answer.json().error);
    }
    const start = /^Cannot inspect the network of VM "fn-hello-\w+": (it is|its VMM|functions) /;
    for (const why of whys) assert.match(why, start);
    assert.equal(new Set(whys).size, 3);
  });
});
