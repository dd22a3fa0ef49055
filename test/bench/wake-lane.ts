import type { InvokeResponse } from "../../src/api/invocations.ts";
import { waitUntil } from "../support/wait-until.ts";
import { bodyOf, Connection, statusOf } from "./connection.ts";
import { compare, type Lane, type Target } from "./lane.ts";
import type { Figures } from "./results.ts";
import {
  emptyFunctions,
  runtimeNames,
  setups,
  startFirelet,
  type Firelet,
  type Runtime,
  type Setup,
} from "./subjects.ts";

/** A manager with one function, which sleeps before each sample. */
interface Sleeper extends Target {
  readonly firelet: Firelet;
}

const setupsCompared = [setups.standby, setups.clone, setups.boot, setups.process];

/** From the invocation of a function without a VM to its reply, on a connection that is open. */
export const wakeLane: Lane = {
  name: "start from zero",
  run({ samples, signal }) {
    const starts = (["node", "python"] as const).flatMap((runtime) =>
      setupsCompared.map((setup) => () => startSleeper(setup, runtime)),
    );
    return compare({ lane: "start from zero", starts, count: samples, sample: wake }, signal);
  },
};

function startSleeper(setup: Setup, runtime: Runtime): Promise<Sleeper> {
  return startFirelet(setup, `${setup.name}, ${runtimeNames[runtime]}`, async (firelet) => {
    const { id } = await firelet.deploy({
      name: "sleeper",
      runtime,
      code: emptyFunctions[runtime],
    });
    // Nothing stands by for a function that was never at work.
    await firelet.manager.client.invokeFunction(id);
    return { firelet, call: firelet.invocationOf(id) };
  });
}

async function wake({ firelet, call }: Sleeper): Promise<Figures> {
  await fallAsleep(firelet);
  const connection = await Connection.open(call);
  try {
    const startMs = performance.now();
    const answer = await connection.call();
    const replyMs = performance.now() - startMs;
    if (statusOf(answer) !== "200") throw new Error(`A sleeping function answered ${answer}`);
    await assertWoken(firelet, bodyOf(answer) as InvokeResponse);
    return { reply_ms: replyMs };
  } finally {
    connection.close();
  }
}

/** Resolves when no VM serves, and one stands by where that is the setup's way. */
async function fallAsleep(firelet: Firelet): Promise<void> {
  await firelet.keepVms(0);
  await waitUntil(
    `${firelet.setup.name}: the function sleeps`,
    async () => {
      const states = (await firelet.manager.client.listVms()).map(({ state }) => state);
      return states.join() === (firelet.setup.standbyVms > 0 ? "standby" : "");
    },
    30_000,
  );
}

/** That the figure is of what it says: a VM that came up in the setup's way. */
async function assertWoken({ manager, setup }: Firelet, reply: InvokeResponse): Promise<void> {
  const vm = await manager.client.getVm(reply.vm_id);
  const stoodBy = setup.standbyVms > 0;
  const isClone = vm.restored_from !== null;
  if (reply.status !== "success" || reply.cold_start === stoodBy || isClone !== setup.clones) {
    const found = JSON.stringify({ ...reply, restored_from: vm.restored_from });
    throw new Error(`${setup.name}: the function was not woken in this way: ${found}`);
  }
}
