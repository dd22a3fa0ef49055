import { after, before, describe } from "node:test";

import { RuntimeGuest, type StartedServer } from "../support/runtime-guest.ts";
import type { RuntimeCases } from "./runtime-cases.ts";
import { callCases } from "./runtime-server-calls.ts";
import { extraCases } from "./runtime-server-extras.ts";
import { failureCases } from "./runtime-server-failures.ts";
import { invocationCases } from "./runtime-server-invocations.ts";
import { loadCases } from "./runtime-server-loading.ts";
import { logCases } from "./runtime-server-logs.ts";

/** A runtime server to hold to `docs/runtime-protocol.md`, and where it runs. */
export interface RuntimeSubject {
  readonly runtime: "node" | "python";
  /** For people: the runtime and where it runs. */
  readonly label: string;
  readonly cases: RuntimeCases;
  /** Starts a server that nobody has adopted. */
  start(): Promise<StartedServer>;
  /**
   * By how much everything takes longer than in a plain process, 1 unless given. It stretches
   * the waits of the suite and, in an emulated VM, the margin that a timeout may take.
   */
  readonly slowFactor?: number;
}

/** What a group of cases works with. */
export interface SuiteContext {
  readonly subject: RuntimeSubject;
  readonly cases: RuntimeCases;
  readonly slowFactor: number;
  /** The server that all cases share. */
  readonly guest: RuntimeGuest;
  /** A server for a case that leaves it unusable; the case stops it. */
  startGuest(): Promise<RuntimeGuest>;
}

/** Every promise of the runtime protocol, case by case, against one shared server. */
export function runtimeServerSuite(subject: RuntimeSubject): void {
  const slowFactor = subject.slowFactor ?? 1;
  const startGuest = async () => new RuntimeGuest(await subject.start(), slowFactor);
  let shared: RuntimeGuest | undefined;
  const suite: SuiteContext = {
    subject,
    cases: subject.cases,
    slowFactor,
    startGuest,
    get guest() {
      if (!shared) throw new Error("Cannot use the shared server: it has not started");
      return shared;
    },
  };
  describe(`runtime server: ${subject.label}`, () => {
    before(async () => {
      shared = await startGuest();
    });
    after(() => shared?.stop());
    // First, because it looks at a server that nobody has adopted, and adopts it for the others.
    describe("calls", () => callCases(suite));
    describe("loading", () => loadCases(suite));
    describe("invocations", () => invocationCases(suite));
    describe("logs", () => logCases(suite));
    describe("failures", () => failureCases(suite));
    describe(`${subject.runtime} alone`, () => extraCases(suite));
  });
}
