import type { LoadFailureCase, RuntimeCases } from "./runtime-cases.ts";

const loadFailures: RuntimeCases["loadFailures"] = {
  syntaxError: {
    code: "async function handler(event) {\n  return { a: };\n}",
    type: "SyntaxError",
    message: "SyntaxError: Unexpected token '}'",
    file: "handler.js",
    line: 2,
    column: 15,
  },
  throwsAtLoad: {
    code: "exports.handler = () => 1;\nfunction connect() {\n  throw new TypeError('Broken');\n}\nconnect();",
    type: "TypeError",
    message: "TypeError: Broken",
    file: "handler.js",
    line: 3,
    column: 9,
  },
  missingHandler: {
    code: "function main() {}\nexports.other = () => 1;",
    type: "HandlerNotFound",
    message: `Handler "handler" not found: handler.js has "main", "other"`,
    file: "handler.js",
    line: null,
  },
  handlerNotFunction: {
    code: "exports.handler = 7;",
    type: "HandlerNotFunction",
    message: `Handler "handler" is not a function: "handler" in handler.js is a number`,
    file: "handler.js",
    line: null,
  },
  exitsAtLoad: {
    code: "exports.handler = () => 1;\nprocess.exit(4);",
    type: "FunctionExit",
    message: "Function exited with code 4 (process.exit)",
    file: "handler.js",
    line: 2,
    column: 9,
  },
  missingModule: {
    code: "const lodash = require('lodash');\nexports.handler = () => 1;",
    type: "Error",
    message: "Error: Cannot find module 'lodash'",
    file: "handler.js",
    line: 1,
    column: 16,
  },
  recursionAtLoad: {
    code: "exports.handler = () => 1;\nconst deeper = () => 1 + deeper();\ndeeper();",
    type: "RangeError",
    message: "RangeError: Maximum call stack size exceeded",
    file: "handler.js",
    line: 2,
  },
};

const syntax = (code: string, message: string, line: number, column: number): LoadFailureCase => ({
  code,
  type: "SyntaxError",
  message: `SyntaxError: ${message}`,
  file: "handler.js",
  line,
  column,
});

const furtherLoadFailures: Record<string, LoadFailureCase> = {
  "is empty": {
    code: "",
    type: "HandlerNotFound",
    message: `Handler "handler" not found: handler.js has no function`,
    file: "handler.js",
    line: null,
  },
  "ends too early": syntax("function handler() {\n  return 1;\n", "Unexpected end of input", 2, 12),
  "leaves a bracket open at its end": syntax(
    "exports.handler = (\n  1",
    "Unexpected end of input",
    2,
    4,
  ),
  "has a syntax error in its first line": syntax("const = 1;", "Unexpected token '='", 1, 7),
  "has a syntax error in an ES module": syntax(
    "import fs from 'fs';\nexport const handler = () => {\n\treturn };\n};",
    "Unexpected token '}'",
    4,
    1,
  ),
  "declares twice in an ES module": syntax(
    "export const handler = 1;\nconst a = 1;\n  const a = 2;",
    "Identifier 'a' has already been declared",
    3,
    9,
  ),
  "awaits where it cannot": syntax(
    "function handler() {\n  await 1;\n}",
    "await is only valid in async functions and the top level bodies of modules",
    2,
    3,
  ),
  "imports a module that does not exist": {
    code: "import fs from 'fs';\nimport lodash from 'lodash';\nexport const handler = () => 1;",
    type: "Error",
    message: "Error: Cannot find module 'lodash'",
    file: "handler.js",
    line: 2,
    column: 20,
  },
  "imports what a module does not have": {
    code: "import { nope } from 'node:fs';\nexport const handler = () => nope;",
    type: "SyntaxError",
    message: "SyntaxError: The requested module 'node:fs' does not provide an export named 'nope'",
    file: "handler.js",
    line: null,
  },
  "throws in an ES module": {
    code: "export const handler = () => 1;\nawait null;\nnull.x;",
    type: "TypeError",
    message: "TypeError: Cannot read properties of null (reading 'x')",
    file: "handler.js",
    line: 3,
    column: 6,
  },
  "has a syntax error in TypeScript": {
    code: "const a: number = 1;\nexport const handler = (event: string) => {\n  return };\n};",
    type: "SyntaxError",
    message: /^SyntaxError: /,
    file: "handler.ts",
    line: 4,
  },
  "ends too early in JavaScript that TypeScript reads further": syntax(
    "exports.handler = () => 'open;\n');",
    "Invalid or unexpected token",
    1,
    25,
  ),
  "throws in TypeScript": {
    code: "interface A {\n  b: string;\n}\nexport const handler = (a: A) => a;\nthrow new Error('Broken');",
    type: "Error",
    message: "Error: Broken",
    file: "handler.ts",
    line: 5,
    column: 7,
  },
  "throws null while it loads": {
    code: "throw null;",
    type: "null",
    message: "null: null",
    file: "handler.js",
    line: null,
  },
  "has a class as its handler": {
    code: "exports.handler = class {};",
    type: "HandlerNotFunction",
    message: `Handler "handler" is not a function: "handler" in handler.js is a class`,
    file: "handler.js",
    line: null,
  },
  "has a fault in the file that its handler names": {
    ...syntax("const = 1;", "Unexpected token '='", 1, 7),
    handler: "app.main",
    file: "app.js",
  },
  "leaves a promise unhandled while it loads": {
    code: "export const handler = () => 1;\nPromise.reject(new Error('Forgotten'));\nawait new Promise(() => {});",
    type: "UnhandledRejection",
    message: "UnhandledRejection: Error: Forgotten",
    file: "handler.js",
    line: 2,
    column: 16,
  },
};

/** Ways for a revision not to load. */
export const nodeLoadFailures = { loadFailures, furtherLoadFailures };
