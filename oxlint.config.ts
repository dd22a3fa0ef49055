import { defineConfig, type OxlintOverride } from "oxlint";

/** Every folder of src, and what it may import beside itself: the walls of docs/architecture.md. */
const walls: Record<string, readonly string[]> = {
  lib: [],
  core: [],
  ports: ["core"],
  fleet: ["core", "ports", "lib"],
  observe: ["core", "ports", "fleet", "lib"],
  functions: ["core", "ports", "fleet", "observe", "lib"],
  os: ["core", "lib"],
  drivers: ["core", "ports", "lib", "os"],
  images: ["core", "ports", "lib", "os"],
  console: ["core", "lib", "os"],
  host: ["lib", "os"],
  network: ["core", "ports", "lib", "os"],
  snapshots: ["core", "ports", "lib", "os"],
  runtime: ["core", "ports", "lib"],
  agent: ["core", "ports", "lib"],
  telemetry: ["core", "ports", "lib"],
  store: ["core", "ports"],
  api: [],
  http: ["api", "core", "ports", "functions", "fleet", "observe", "lib"],
  client: ["api"],
  cli: ["client", "api", "lib"],
};

/** The folders whose code does no I/O of its own. */
const pure = ["core", "ports", "lib", "fleet", "observe", "functions", "api"];
const ioModules = ["fs", "fs/promises", "child_process", "net", "http", "https", "dgram", "tls"];

const wallOverrides = Object.entries(walls).map(([folder, allowed]): OxlintOverride => {
  const forbidden = Object.keys(walls).filter((name) => name !== folder && !allowed.includes(name));
  return {
    files: [`src/${folder}/**/*.ts`],
    excludeFiles: ["**/*.test.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            ...forbidden.map((name) => ({
              group: [`**/../${name}/**`],
              message: `src/${folder} may import ${allowed.join(", ") || "nothing of ours"}; see docs/architecture.md`,
            })),
            { group: ["**/*-main.ts"], message: "Composition roots are imported by nobody" },
          ],
          paths: pure.includes(folder)
            ? ioModules.map((name) => ({
                name: `node:${name}`,
                message: `src/${folder} does no I/O; it comes in through a port`,
              }))
            : [],
        },
      ],
    },
  };
});

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "node", "promise"],
  options: { typeAware: true },
  categories: { correctness: "error", suspicious: "error" },
  ignorePatterns: ["node_modules", "guest", "test/fixtures", "examples", ".firelet", "web/dist"],
  rules: {
    "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
    "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
    "max-params": ["error", { max: 4 }],
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "import/extensions": ["error", "ignorePackages"],
    "oxc/no-barrel-file": "error",
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "unicorn/prefer-node-protocol": "error",
    "no-empty": "error",
    "no-warning-comments": ["error", { terms: ["todo", "fixme", "xxx"], location: "start" }],
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": "error",
    // The types already say it: tsc checks exhaustive returns, and nobody chains on these.
    "typescript/consistent-return": "off",
    "promise/always-return": "off",
    // JSON and rows come in untyped; where they do, a schema or a contract test stands behind the cast.
    "typescript/no-unsafe-type-assertion": "off",
  },
  overrides: [
    ...wallOverrides,
    {
      files: ["**/*.test.ts", "test/**/*.ts"],
      rules: { "max-lines-per-function": "off", "typescript/no-floating-promises": "off" },
    },
    {
      // Only one file of the console knows where the manager's contract and client are.
      files: ["web/src/**/*.{ts,tsx}"],
      excludeFiles: ["web/src/api.ts"],
      plugins: ["typescript", "unicorn", "oxc", "import", "promise", "react", "jsx-a11y"],
      rules: {
        "no-restricted-imports": [
          "error",
          { patterns: [{ group: ["**/src/**", "!./**"], message: "Import web/src/api.ts" }] },
        ],
        // Handlers of events may be asynchronous: what they reject with is shown by mutations.
        "typescript/no-misused-promises": [
          "error",
          { checksVoidReturn: { attributes: false, properties: false } },
        ],
        "react/react-in-jsx-scope": "off",
        "react/rules-of-hooks": "error",
        "react/exhaustive-deps": "error",
        "react/no-danger": "error",
        "react/no-array-index-key": "off",
        // Base UI puts the content in; and a group of buttons is no set of fields.
        "jsx-a11y/heading-has-content": "off",
        "jsx-a11y/prefer-tag-over-role": "off",
        // What scrolls must be reached by keyboard; and nothing is compiled by React Compiler.
        "jsx-a11y/no-noninteractive-tabindex": "off",
        "react/incompatible-library": "off",
        "import/no-unassigned-import": "off",
      },
    },
    {
      files: ["oxlint.config.ts", "web/vite.config.ts"],
      rules: { "import/no-default-export": "off" },
    },
  ],
});
