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
  ignorePatterns: ["node_modules", "guest", "test/fixtures", "examples"],
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
    { files: ["oxlint.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
