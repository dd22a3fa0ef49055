import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestManager } from "../support/manager.ts";

interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
}

interface Media {
  readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
}

describe("the examples of the OpenAPI document", () => {
  let manager: TestManager;
  let document: OpenapiDocument;
  before(async () => {
    manager = await TestManager.start({ driver: "process" });
    document = (await (await fetch(`${manager.url}/openapi.json`)).json()) as OpenapiDocument;
  });
  after(() => manager.stop());

  const bodies = (method: string, path: string): readonly unknown[] => {
    const media = document.paths[path]?.[method]?.requestBody?.content["application/json"];
    const values = Object.values(media?.examples ?? {}).map(({ value }) => value);
    assert.ok(values.length > 0, `${method} ${path} has examples`);
    return values;
  };
  const send = async (method: string, path: string, body: unknown) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(manager.url + path, {
      method,
      headers,
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  };

  it("work as they are, one after the other", async () => {
    for (const body of bodies("post", "/v1/functions")) {
      const { id } = await send("POST", "/v1/functions", body);
      const created = await manager.settled(id);
      assert.equal(created.state, "ready", created.last_error ?? "");
      const url = `/v1/functions/${id}`;
      const [withName] = bodies("post", "/v1/functions/{id}/invoke");
      const reply = await send("POST", `${url}/invoke`, withName);
      assert.deepEqual([reply.status, reply.response], ["success", { message: "Hello, World!" }]);
    }
    const url = "/v1/functions/hello-node";
    for (const body of bodies("post", "/v1/functions/{id}/invoke")) {
      assert.equal((await send("POST", `${url}/invoke`, body)).status, "success");
    }
    for (const body of bodies("put", "/v1/functions/{id}")) {
      await send("PUT", url, body);
      assert.equal((await manager.settled("hello-node")).last_error, null);
    }
    for (const body of bodies("post", "/v1/functions/{id}/rollback")) {
      await send("POST", `${url}/rollback`, body);
      assert.equal((await manager.settled("hello-node")).last_error, null);
    }
  });
});
