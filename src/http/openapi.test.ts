import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { AnswerChecker } from "../../test/support/answer-checker.ts";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { moveToComponents } from "./openapi-components.ts";

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

type Content = Readonly<
  Record<string, { schema: Schema; examples?: Record<string, { value: unknown }> }>
>;

interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly { in: string; description?: string; schema: object }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: Content }>
  >;
}

interface OpenapiDocument {
  readonly openapi: string;
  readonly servers: readonly { url: string }[];
  readonly tags: readonly { name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe("the OpenAPI document", () => {
  let memory: MemoryPlatform;
  let document: OpenapiDocument;
  let operations: readonly { readonly name: string; readonly operation: Operation }[];
  before(async () => {
    memory = await startMemoryPlatform();
    const headers = { host: "localhost:18080" };
    document = (await memory.app.inject({ url: "/openapi.json", headers })).json();
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        operation,
      })),
    );
  });
  after(() => memory.close());

  const lacking = (lacks: (operation: Operation) => boolean) =>
    operations.filter(({ operation }) => lacks(operation)).map(({ name }) => name);

  it("is served for the address that it was asked at", () => {
    assert.equal(document.openapi, "3.1.0");
    assert.deepEqual(
      document.servers.map(({ url }) => url),
      ["http://localhost:18080"],
    );
  });

  it("has every route but those that serve itself and a page to read it", () => {
    const described = new Set(Object.keys(document.paths));
    const hidden = routesOf(memory.app).filter((path) => !described.has(path));
    assert.deepEqual(hidden.toSorted(), [
      "/",
      "/docs",
      "/docs/page.css",
      "/docs/page.js",
      "/docs/swagger-ui-bundle.js",
      "/docs/swagger-ui.css",
      "/openapi.json",
    ]);
  });

  it("gives every operation an id of its own, a group, a summary and its errors", () => {
    const ids = operations.map(({ operation }) => operation.operationId ?? "");
    assert.deepEqual(
      ids.filter((id, index) => !/^[a-z][A-Za-z]+$/.test(id) || ids.indexOf(id) !== index),
      [],
    );
    const groups = document.tags.map(({ name }) => name);
    assert.deepEqual(
      lacking(({ tags = [] }) => tags.length !== 1 || !groups.includes(tags[0] ?? "")),
      [],
    );
    assert.deepEqual(
      lacking(({ summary = "" }) => !/^[A-Z][^]*[^.]$/.test(summary)),
      [],
    );
    assert.deepEqual(
      lacking((operation) => !hasStatuses(operation, "200") && !hasStatuses(operation, "101")),
      [],
    );
    assert.deepEqual(
      lacking((operation) => !hasStatuses(operation, "403", "500")),
      [],
    );
    assert.deepEqual(
      lacking(
        (operation) =>
          operation.parameters?.some((parameter) => parameter.in === "path") === true &&
          !hasStatuses(operation, "400", "404"),
      ),
      [],
    );
  });

  it("describes every parameter", () => {
    const undescribed = lacking(
      ({ parameters = [] }) =>
        !parameters.every(({ description, schema }) => description ?? "$ref" in schema),
    );
    assert.deepEqual(undescribed, []);
  });

  it("names every object that goes over the wire, but for its envelope", () => {
    const inline = (schema: Schema): readonly string[] => {
      if (schema.items !== undefined) return inline(schema.items);
      if (schema.properties === undefined) return [];
      return Object.entries(schema.properties).flatMap(([key, value]) =>
        key === "item" || key === "items" ? inline(value) : [key],
      );
    };
    const unnamed = operations.flatMap(({ name, operation }) =>
      [operation.requestBody, ...Object.values(operation.responses)]
        .flatMap((part) => Object.values(part?.content ?? {}))
        .flatMap(({ schema }) => inline(schema))
        .map((key) => `${name}: "${key}" is in a schema without a title`),
    );
    assert.deepEqual(unnamed, []);
  });

  it("has an example of every body, which the body's schema takes", () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema(document, "document");
    const withBody = operations.filter(({ operation }) => operation.requestBody !== undefined);
    assert.ok(withBody.length >= 4);
    for (const { name, operation } of withBody) {
      const media = operation.requestBody?.content["application/json"];
      const { examples } = media ?? {};
      assert.ok(examples !== undefined && Object.keys(examples).length > 0, name);
      const validate = ajv.compile({ $ref: `document${media?.schema.$ref}` });
      for (const [key, { value }] of Object.entries(examples)) {
        assert.ok(validate(value), `${name}, ${key}: ${ajv.errorsText(validate.errors)}`);
      }
    }
  });

  it("makes a body optional only where none is an empty one", () => {
    const optional = lacking(({ requestBody }) => requestBody?.required === false);
    assert.deepEqual(optional, ["POST /v1/functions/{id}/invoke"]);
  });
});

function hasStatuses({ responses }: Operation, ...wanted: readonly string[]): boolean {
  return wanted.every((status) => status in responses);
}

/** The paths that the router has, as the document writes them. */
function routesOf(app: MemoryPlatform["app"]): string[] {
  // A tree of the paths' parts: four characters of lines for each level, then the part.
  const above: string[] = [];
  return app
    .printRoutes({ commonPrefix: true })
    .split("\n")
    .flatMap((line) => {
      const [, lines = "", part = "", methods] = /^([│├└─ ]*)(\S+)(?: \((.+)\))?/.exec(line) ?? [];
      if (part === "") return [];
      above.splice(lines.length / 4 - 1, Infinity, part);
      return methods === undefined ? [] : [above.join("").replaceAll(/:(\w+)/g, "{$1}")];
    });
}

describe("moveToComponents", () => {
  it("moves schemas with a title once, with what one use of them says left beside it", () => {
    const components = {};
    const color = { title: "Color", enum: ["red"] };
    const moved = moveToComponents(
      { properties: { title: { type: "string" }, a: color, b: { ...color, default: "red" } } },
      components,
    );
    const $ref = "#/components/schemas/Color";
    assert.deepEqual(moved, {
      properties: { title: { type: "string" }, a: { $ref }, b: { $ref, default: "red" } },
    });
    assert.deepEqual(components, { Color: { type: "string", enum: ["red"] } });
  });

  it("refuses two schemas of one name", () => {
    const two = [
      { title: "A", type: "string" },
      { title: "A", type: "null" },
    ];
    assert.throws(() => moveToComponents(two, {}), /"A"/);
  });
});

describe("AnswerChecker", () => {
  const schema = { type: "object", required: ["a"], properties: { a: { type: "integer" } } };
  const checker = new AnswerChecker({
    paths: {
      "/x/{id}": {
        get: { responses: { 200: { content: { "application/json": { schema } } } } },
      },
    },
    components: {
      schemas: { ErrorResponse: { required: ["error"], properties: { error: {}, code: {} } } },
    },
  });
  const answer = {
    method: "GET",
    path: "/x/1?y=2",
    status: 200,
    contentType: "application/json; charset=utf-8",
    text: '{"a":1}',
  };

  it("takes what is as the document says", () => {
    assert.equal(checker.problem(answer), null);
    const error = { ...answer, method: "PUT", status: 405, text: '{"error":"no","code":"x"}' };
    assert.equal(checker.problem(error), null);
  });

  it("finds wrong, missing and unnamed fields, statuses and content types", () => {
    const wrong: readonly [Partial<typeof answer>, RegExp][] = [
      [{ text: '{"a":"1"}' }, /must be integer/],
      [{ text: "{}" }, /required property 'a'/],
      [{ text: '{"a":1,"b":2}' }, /must NOT have additional properties/],
      [{ status: 201 }, /no such status/],
      [{ contentType: "text/plain" }, /found text\/plain/],
      [{ path: "/y", status: 404, text: "{}" }, /required property 'error'/],
    ];
    for (const [change, problem] of wrong) {
      assert.match(checker.problem({ ...answer, ...change }) ?? "", problem);
    }
  });
});
