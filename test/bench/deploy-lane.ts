import { waitUntil } from "../support/wait-until.ts";
import { compare, type Lane, type Subject } from "./lane.ts";
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

/** Creates a function, and another one each time it is asked. */
interface Deployer extends Subject {
  sample(): Promise<Figures>;
}

const setupsCompared = [setups.clone, setups.boot, setups.process];

/** From the create call to `ready`, and on to the first reply. */
export const deployLane: Lane = {
  name: "deploy",
  run({ samples, signal }) {
    const starts = (["node", "python"] as const).flatMap((runtime) =>
      setupsCompared.map((setup) => () => startDeployer(setup, runtime)),
    );
    return compare({ lane: "deploy", starts, count: samples, sample: deploy }, signal);
  },
};

function deploy(deployer: Deployer): Promise<Figures> {
  return deployer.sample();
}

function startDeployer(setup: Setup, runtime: Runtime): Promise<Deployer> {
  return startFirelet(setup, `${setup.name}, ${runtimeNames[runtime]}`, async (firelet) => {
    let count = 0;
    const sample = () => {
      count += 1;
      return createAndInvoke(firelet, `bench-${count}`, runtime);
    };
    // The first of its size makes the base snapshot, as a manager otherwise does when it starts.
    await sample();
    return { sample };
  });
}

async function createAndInvoke(
  { manager: { client } }: Firelet,
  name: string,
  runtime: Runtime,
): Promise<Figures> {
  const startMs = performance.now();
  const { id } = await client.createFunction({ name, runtime, code: emptyFunctions[runtime] });
  const isReady = async () => {
    const { state, last_error } = await client.getFunction(id);
    if (last_error !== null) throw new Error(`Function "${name}" was not deployed: ${last_error}`);
    return state === "ready";
  };
  await waitUntil(`function ${name} is ready`, isReady, 120_000);
  const readyMs = performance.now() - startMs;
  const { status } = await client.invokeFunction(id);
  const firstReplyMs = performance.now() - startMs;
  if (status !== "success") throw new Error(`Function "${name}" answered with ${status}`);
  await client.deleteFunction(id);
  return { ready_ms: readyMs, first_reply_ms: firstReplyMs };
}
