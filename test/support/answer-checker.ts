import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** What the manager answered to one call. */
export interface SeenAnswer {
  readonly method: string;
  /** With or without the query. */
  readonly path: string;
  readonly status: number;
  /** The header `content-type`. */
  readonly contentType: string;
  readonly text: string;
}

interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: object }>
  >;
}

/**
 * Compares answers with what the OpenAPI document says of them. Fields that it does not name are
 * wrong too, though it does not forbid them: nobody would notice them otherwise.
 */
export class AnswerChecker {
  readonly #document: OpenapiDocument;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #paths: readonly { readonly pattern: RegExp; readonly path: string }[];

  constructor(document: object) {
    this.#document = document as OpenapiDocument;
    formats.default(this.#ajv);
    this.#ajv.addSchema(closed(document) as object, "document");
    this.#paths = Object.keys(this.#document.paths)
      .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}/?$`) }))
      // A path without parameters goes before one that would take it for a value.
      .toSorted((a, b) => a.path.split("{").length - b.path.split("{").length);
  }

  /** What is not as the document says; null where all is. */
  problem(answer: SeenAnswer): string | null {
    const { method, status, contentType, text } = answer;
    const pathname = answer.path.split("?", 1)[0] ?? "";
    const path = this.#paths.find(({ pattern }) => pattern.test(pathname))?.path ?? "";
    const operation = this.#document.paths[path]?.[method.toLowerCase()];
    // Paths and methods that are not there have no operation, and the one shape of errors.
    const pointer =
      operation === undefined ? null : `#/paths/${escaped(path)}/${method.toLowerCase()}`;
    const call = `${method} ${pathname} → ${status}`;
    if (pointer === null || operation === undefined) {
      return status < 400 ? null : this.#mismatch("#/components/schemas/ErrorResponse", call, text);
    }
    const described = operation.responses[status];
    if (described === undefined) return `${call}: the document has no such status`;
    const at = described.$ref ?? `${pointer}/responses/${status}`;
    const { content } = described.$ref === undefined ? described : this.#component(described.$ref);
    const mediaType = contentType.split(";", 1)[0] ?? "";
    if (content === undefined) return text === "" ? null : `${call}: the document has no body`;
    if (!(mediaType in content)) {
      return `${call}: found ${mediaType}, the document says ${Object.keys(content).join(", ")}`;
    }
    if (mediaType !== "application/json") return null;
    return this.#mismatch(`${at}/content/${escaped(mediaType)}/schema`, call, text);
  }

  #component(reference: string): { readonly content?: object } {
    const [, , kind = "", name = ""] = reference.split("/");
    return this.#document.components[kind]?.[name] ?? {};
  }

  #mismatch(pointer: string, call: string, text: string): string | null {
    const validate = this.#ajv.getSchema(`document${pointer}`);
    if (validate === undefined) return `${call}: the document has no ${pointer}`;
    if (validate(JSON.parse(text))) return null;
    return `${call}: ${this.#ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`;
  }
}

function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** The same with every object closed to fields that it does not name. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return "properties" in copy && !("additionalProperties" in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
