import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";

import type { HostImage } from "../../core/runtime.ts";
import type { VmSpec } from "../../core/vm.ts";
import { findProgram } from "../../os/find-program.ts";
import type { RunningVm, VmCapability, VmDriver, VmmUse, VmProbe } from "../../ports/vm-driver.ts";
import { processLimits } from "../shared/cgroup-limits.ts";
import { bootEntry } from "../shared/vm-launch.ts";
import { VmRunner, type VmRunnerOptions } from "../shared/vm-runner.ts";
import { isOpenToAll, type VmUser, vmUser } from "../shared/vm-user.ts";
import { processCommandLine } from "./command-line.ts";
import { probeProcesses, type ProcessHost } from "./probe.ts";

export type ProcessDriverOptions = VmRunnerOptions;

/** Runs a runtime server as a plain child process. It isolates nothing. */
export class ProcessDriver implements VmDriver {
  readonly kind = "process";
  readonly capabilities: ReadonlySet<VmCapability> = new Set(["console", "metrics"] as const);
  readonly #runner: VmRunner;
  #host: Promise<ProcessHost> | undefined;
  /** Why a function could not have a user of its own, as it was found while starting it. */
  readonly #notes = new Set<string>();

  constructor(options: ProcessDriverOptions) {
    this.#runner = new VmRunner(
      {
        stderr: "console",
        userFor: (spec, slot, folder) => this.#userFor(spec, slot, folder),
        limitsFor: (spec) => Promise.resolve(processLimits(spec)),
      },
      options,
    );
  }

  async probe(): Promise<VmProbe> {
    const { probe } = await this.#examineHost();
    return probe.usable ? { ...probe, notes: [...probe.notes, ...this.#notes] } : probe;
  }

  boot(spec: VmSpec, signal: AbortSignal): Promise<RunningVm> {
    return this.#runner.start(spec, entry, signal);
  }

  destroy(vmId: string): Promise<void> {
    return this.#runner.destroy(vmId);
  }

  list(): Promise<readonly string[]> {
    return this.#runner.list();
  }

  readConsole(vmId: string): Promise<string> {
    return this.#runner.readConsole(vmId);
  }

  /** Of the runtime server alone, without what a function started. */
  async measure(vmId: string): Promise<VmmUse> {
    return { ...(await this.#runner.measure(vmId)), disk: null };
  }

  /** A user of the VM's own, where there can be one and it can read what has to run. */
  async #userFor(spec: VmSpec, slot: number, folder: string): Promise<VmUser | null> {
    const { users } = await this.#examineHost();
    if (!users.separate) return null;
    const closed = await firstClosed([folder, ...filesOf(hostImage(spec))]);
    if (closed === undefined) return vmUser(slot);
    this.#notes.add(
      `Functions in ${spec.image.runtime} share the manager's user: other users cannot read "${closed}"`,
    );
    return null;
  }

  #examineHost(): Promise<ProcessHost> {
    this.#host ??= probeProcesses();
    return this.#host;
  }
}

const entry = bootEntry((spec, { address, runFolder }) => {
  const { argv, env } = processCommandLine(hostImage(spec), address, runFolder);
  return Promise.resolve({ program: "The runtime server", argv, env, files: [] });
});

function hostImage({ image }: VmSpec): HostImage {
  if (image.kind === "host") return image;
  throw new Error(`the process driver starts no image of the kind "${image.kind}"`);
}

function filesOf({ argv: [command, ...args] }: HostImage): string[] {
  const files = args.filter((argument) => isAbsolute(argument) && existsSync(argument));
  return [findProgram(command) ?? [], ...files].flat();
}

async function firstClosed(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (!(await isOpenToAll(path))) return path;
  return undefined;
}
