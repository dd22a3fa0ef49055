import { isDeepStrictEqual } from "node:util";

type JsonObject = Record<string, unknown>;

/** The keywords under which names stand that the API chose, and no keywords. */
const namesUnder: ReadonlySet<string> = new Set(["properties", "patternProperties"]);
/** The keywords under which data stands that may look like a schema. */
const dataUnder: ReadonlySet<string> = new Set(["default", "enum", "const", "example", "examples"]);

/**
 * The same with every schema that has a `title` moved into `components`, under that name, and a
 * reference in its place. Throws where two schemas of one name differ.
 */
export function moveToComponents(node: unknown, components: JsonObject): unknown {
  if (Array.isArray(node)) return node.map((entry) => moveToComponents(entry, components));
  if (!isObject(node)) return node;
  const moved = mapValues(node, (value, key) => {
    if (dataUnder.has(key)) return value;
    if (namesUnder.has(key) && isObject(value)) {
      return mapValues(value, (schema) => moveToComponents(schema, components));
    }
    return moveToComponents(value, components);
  });
  if (Array.isArray(moved["enum"])) moved["type"] ??= typeof moved["enum"][0];
  const { title, default: ofThisUse, ...component } = moved;
  if (typeof title !== "string") return moved;
  components[title] ??= component;
  if (!isDeepStrictEqual(components[title], component)) {
    throw new Error(`Two schemas differ that have the title "${title}"`);
  }
  const reference = { $ref: `#/components/schemas/${title}` };
  return ofThisUse === undefined ? reference : { ...reference, default: ofThisUse };
}

function mapValues(node: JsonObject, map: (value: unknown, key: string) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, map(value, key)]));
}

function isObject(node: unknown): node is JsonObject {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}
