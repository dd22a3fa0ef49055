import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { messageOf, PlatformError } from "../../core/errors.ts";
import type { VmSpec } from "../../core/vm.ts";
import {
  type Child,
  ChildEndedError,
  type ChildExit,
  describeExit,
  readyBeforeExit,
  startChild,
} from "../../os/child-process.ts";
import type { VmNetwork } from "../../ports/network.ts";
import type { RunningVm, VmExit } from "../../ports/vm-driver.ts";
import { BoundedLog } from "./bounded-log.ts";
import type { VmCgroup, VmCgroups } from "./cgroup.ts";
import { descendantsOf } from "./process-tree.ts";
import { describeProcess, killAllOf, writeJournal } from "./process-journal.ts";
import type { VmFolder } from "./vm-folder.ts";
import type { VmEntry, VmLaunch, Vmm } from "./vm-launch.ts";
import { entering } from "./vm-namespace.ts";
import { confined, type VmUser } from "./vm-user.ts";

export interface VmProcessOptions {
  readonly vmm: Vmm;
  readonly entry: VmEntry;
  readonly folder: VmFolder;
  readonly cgroups: VmCgroups;
  readonly network: VmNetwork;
  readonly bootTimeoutMs: number;
  readonly stopGraceMs: number;
  /** Called when the VM has gone from the manager's hands. */
  readonly onGone: () => void;
}

/** What the console of a VM takes of the disk at most, and what its VMM prints. */
const logLimitBytes = 1024 * 1024;

/** How long the last output of a program that ended may be on its way. */
const lastOutputMs = 250;

/** How long a program that broke a connection may take to end, and so to be the one that says why. */
const failingMs = 250;

interface StartedVm {
  readonly child: Child;
  readonly exited: Promise<VmExit>;
}

/** The same log twice where the VMM and its guest cannot be told apart. */
interface VmLogs {
  readonly console: BoundedLog;
  readonly vmm: BoundedLog;
}

/** One VM of this manager, from the decision to start it until nothing is left of it. */
export class VmProcess {
  readonly #spec: VmSpec;
  readonly #options: VmProcessOptions;
  readonly #destruction = new AbortController();
  readonly #undo = new AsyncDisposableStack();
  #starting: Promise<RunningVm> | undefined;
  #child: Child | undefined;
  /** Where that is another than the child: known once it is ready. */
  #vmmPid: number | undefined;
  #tap: string | null = null;
  #destroyed: Promise<void> | undefined;

  constructor(spec: VmSpec, options: VmProcessOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#undo.defer(options.onGone);
  }

  /** Starts it and resolves when it is ready; see `VmDriver.boot`. Called once. */
  start(signal: AbortSignal): Promise<RunningVm> {
    this.#starting = this.#startOrUndo(signal);
    return this.#starting;
  }

  /** Writes to the standard input of its process. Rejects where that has none, or has gone. */
  async write(data: Uint8Array): Promise<void> {
    if (this.#child === undefined) throw new Error("its process has not started");
    await this.#child.write(data);
  }

  /** Its process, once that has started, with the tap that its guest's network card is. */
  get process(): (Pick<Child, "pid" | "channel"> & { readonly tap: string | null }) | undefined {
    const child = this.#child;
    return child && { pid: this.#vmmPid ?? child.pid, channel: child.channel, tap: this.#tap };
  }

  /** Ends it, also while it starts, and removes everything of it. Repeatable. */
  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroyOnce();
    return this.#destroyed;
  }

  async #destroyOnce(): Promise<void> {
    this.#destruction.abort(new Error("it was destroyed while it was starting"));
    // A start that fails has told its caller, and has left nothing behind.
    await this.#starting?.catch(() => undefined);
    await this.#undo.disposeAsync();
  }

  async #startOrUndo(signal: AbortSignal): Promise<RunningVm> {
    try {
      return await this.#start(signal);
    } catch (error) {
      await this.#undo.disposeAsync();
      signal.throwIfAborted();
      throw new PlatformError(
        "vm_start_failed",
        `Cannot start VM "${this.#spec.name}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async #start(signal: AbortSignal): Promise<RunningVm> {
    const { vmm, entry, folder, cgroups, network, bootTimeoutMs } = this.#options;
    const stop = AbortSignal.any([signal, this.#destruction.signal]);
    const lease = await network.acquire(this.#spec.id, this.#spec.egress);
    this.#undo.defer(() => lease.release());
    this.#tap = lease.namespace?.tap ?? null;
    await folder.create(this.#spec, lease.address);
    this.#undo.defer(() => folder.remove());
    const group = cgroups.create(this.#spec.id, vmm.limitsFor(this.#spec), folder.groups);
    this.#undo.defer(() => group.remove());
    const user = await vmm.userFor(this.#spec, lease.slot, folder.path);
    if (user !== null) await folder.handOver(user);
    const place = { address: lease.address, runFolder: folder.run, tap: this.#tap, user };
    const console = await this.#openLog(folder.consoleLog);
    const vmmLog = vmm.stderr === "vmm" ? await this.#openLog(folder.vmmLog) : console;
    const logs = { console, vmm: vmmLog };
    // Last, since it opens files, which only starting the program closes.
    const launch = await entry.launch(this.#spec, place);
    const confinedArgv = confined(launch.argv, launch.jails === true ? null : user);
    const argv = entering(lease.namespace, confinedArgv, launch);
    const { child, exited } = await this.#spawn({ ...launch, argv }, user, group, logs);
    await journal(folder, child, user, false);

    const startedAt = new Date();
    const deadline = AbortSignal.timeout(bootTimeoutMs);
    const started = { ...place, console: console.tail, exited: child.exited };
    // The kernel takes up to 20 ms to move a process, and the VMM longer to come to its guest. No
    // code of a function runs before this resolves, and so before its policy holds.
    const ready = (until: AbortSignal) =>
      Promise.all([
        holdAll(group, child.pid),
        lease.ready,
        entry.becomeReady(this.#spec, started, until),
      ]);
    try {
      await readyBeforeExit(child, ready, AbortSignal.any([stop, deadline]));
    } catch (error) {
      // A VMM that gives up breaks its connections before it has ended.
      const gaveUp = !stop.aborted && !deadline.aborted && (await endsWithin(child, failingMs));
      if (gaveUp || error instanceof ChildEndedError)
        throw new Error((await exited).detail, { cause: error });
      if (!deadline.aborted || stop.aborted) throw error;
      const why = entry.tooSlow(bootTimeoutMs / 1000);
      throw new Error(withWords(why, console.tail.lastLines()), { cause: error });
    }
    await journal(folder, child, user, true);
    if (launch.jails === true) this.#vmmPid = (await descendantsOf(child.pid)).at(-1);
    const pid = this.#vmmPid ?? child.pid;
    return { id: this.#spec.id, address: place.address, pid, startedAt, exited };
  }

  async #openLog(path: string): Promise<BoundedLog> {
    const log = await BoundedLog.create(path, logLimitBytes);
    this.#undo.defer(() => log.close());
    return log;
  }

  async #spawn(
    launch: VmLaunch,
    user: VmUser | null,
    group: VmCgroup,
    logs: VmLogs,
  ): Promise<StartedVm> {
    const { folder, stopGraceMs } = this.#options;
    const child = await startWith(launch, folder.run);
    this.#child = child;
    const drained = Promise.all([logs.console.drain(child.stdout), logs.vmm.drain(child.stderr)]);
    this.#undo.defer(async () => {
      await child.stop(stopGraceMs);
      if (user !== null) await killAllOf(user.uid);
      // What it passed its output on to may outlive it, where VMs have no user of their own.
      child.stdout.destroy();
      child.stderr.destroy();
      child.channel?.destroy();
      await drained;
    });
    const exited = child.exited.then(async (ended) => {
      const exit = launch.jails === true ? withinJail(ended) : ended;
      // First, since the groups are removed with the VM.
      const limit = await group.whatEnded();
      await Promise.race([drained, sleep(lastOutputMs)]);
      const detail = withWords(
        `${launch.program} ended ${describeExit(exit)}`,
        limit || lastWords(logs, exit),
      );
      return { ...exit, detail };
    });
    return { child, exited };
  }
}

async function startWith(launch: VmLaunch, cwd: string): Promise<Child> {
  const { argv, env, files, agent: channel = false, input = false } = launch;
  const own = typeof input === "boolean" ? [] : [input];
  try {
    const descriptors = files.map((file) => file.fd);
    return await startChild(argv, {
      cwd,
      env,
      descriptors,
      channel,
      input: own[0]?.fd ?? input === true,
    });
  } finally {
    await Promise.all([...files, ...own].map((file) => file.close()));
  }
}

/** Holds a program and what it has started to the limits; what it starts from then on is held. */
async function holdAll(group: VmCgroup, pid: number): Promise<void> {
  const held = new Set<number>();
  for (let found = [pid]; found.length > 0;) {
    await Promise.all(found.map((each) => group.add(each)));
    for (const each of found) held.add(each);
    found = (await descendantsOf(pid)).filter((each) => !held.has(each));
  }
}

/**
 * How the VMM ended: the shell that waits for it tells a signal by a status, as shells do. What
 * ends a VMM from outside is below 16; Firecracker has uses of its own for higher ones.
 */
function withinJail(exit: ChildExit): ChildExit {
  const number = Math.min((exit.code ?? 0) - 128, 16);
  if (number === 16) return exit;
  const signals = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const signal = signals.find(([, value]) => value === number)?.[0];
  return signal === undefined ? exit : { code: null, signal };
}

function endsWithin({ exited }: Child, limitMs: number): Promise<boolean> {
  return Promise.race([exited.then(() => true), sleep(limitMs, false)]);
}

async function journal(
  folder: VmFolder,
  { pid }: Child,
  user: VmUser | null,
  booted: boolean,
): Promise<void> {
  const entry = await describeProcess(pid, user?.uid ?? null, { booted });
  if (entry !== undefined) await writeJournal(folder.journal, entry);
}

/** The end of what the one said who knows why the VM ended, or else of what the other said. */
function lastWords({ console, vmm }: VmLogs, { code }: ChildExit): string {
  // A VMM that ends well was told to by its guest, and has nothing to say but old warnings.
  const [first, second] = code === 0 ? [console, vmm] : [vmm, console];
  return first.tail.lastLines() || second.tail.lastLines();
}

function withWords(what: string, words: string): string {
  return words === "" ? what : `${what}: ${words}`;
}
