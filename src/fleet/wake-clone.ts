import { PlatformError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { GuestConnection, RuntimeClient, Wake } from "../ports/runtime-client.ts";
import type { PausedVm, RunningVm, VmSnapshots } from "../ports/vm-driver.ts";

export interface WakeDeps {
  readonly snapshots: VmSnapshots;
  readonly runtimeClient: RuntimeClient;
  readonly clock: Clock;
}

/** How long a clone may take to confirm, what its code does after a restore included. */
const confirmLimitMs = 20_000;

/** How late or early a clone's clock may be; 50 ms are promised. */
const clockToleranceMs = 45;

/** How often it is corrected: on a busy host many a message takes longer than that. */
const clockCorrections = 50;

/** The host was too busy for a clone's clock to be set right, which says nothing of its snapshot. */
export class WrongClockError extends PlatformError {
  constructor(instance: string) {
    super(
      "vm_start_failed",
      `Cannot start VM "${instance}": its clock is still off by more than ${clockToleranceMs} ms after ${clockCorrections} corrections`,
    );
  }
}

/**
 * Lets a restored VM run under an identity of its own: `instance`, fresh entropy, the time, and a
 * token. Resolves to a connection with that token when the clone has confirmed all of it; rejects
 * with `vm_start_failed`, and the clone must be destroyed.
 */
export async function wakeClone(
  vm: PausedVm,
  instance: string,
  deps: WakeDeps,
  signal: AbortSignal,
): Promise<GuestConnection> {
  await vm.resume();
  return wakeServer(vm, instance, deps, signal);
}

/** The same for a VM that runs, and whose runtime server stands still. */
export async function wakeServer(
  vm: RunningVm,
  instance: string,
  { snapshots, runtimeClient, clock }: WakeDeps,
  signal: AbortSignal,
): Promise<GuestConnection> {
  const wake: Wake = { now: clock.now(), instance, token: clock.newToken() };
  await snapshots.tell(vm.id, runtimeClient.wake(wake));
  const connection = runtimeClient.connect(vm.address);
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(confirmLimitMs)]);
    /** By how much the clone's clock is late at most: the answer's way here is in it. */
    const confirm = async () => {
      const guestTime = await unlessGone(vm, instance, connection.confirm(wake, limit));
      return clock.now().getTime() - guestTime.getTime();
    };
    let latenessMs = await confirm();
    // The message itself may have taken too long: a guest that just came up is slow.
    for (let leadMs = 0, corrections = 0; !isRight(latenessMs); corrections += 1) {
      if (corrections === clockCorrections) throw new WrongClockError(instance);
      await snapshots.tell(vm.id, runtimeClient.clock(timeIn(leadMs, clock)));
      latenessMs = await confirm();
      leadMs = leadFor(leadMs + latenessMs);
    }
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function isRight(latenessMs: number): boolean {
  return Math.abs(latenessMs) <= clockToleranceMs;
}

/**
 * By how much the next message is dated ahead, where the last took `roundTripMs` there and back.
 * Half of that, as NTP reckons (RFC 5905, section 8); never more than a clock may be early, should
 * the next one be there at once.
 */
function leadFor(roundTripMs: number): number {
  return Math.min(clockToleranceMs, Math.max(0, Math.round(roundTripMs / 2)));
}

function timeIn(ms: number, clock: Clock): Date {
  return new Date(clock.now().getTime() + ms);
}

/** Waits for what a guest is asked; rejects with `vm_start_failed` where its VM ends first. */
export function unlessGone<T>(vm: RunningVm, name: string, asked: Promise<T>): Promise<T> {
  const gone = vm.exited.then(({ detail }) => {
    const message = `Cannot start VM "${name}": it ended while it was being taken over: ${detail}`;
    throw new PlatformError("vm_start_failed", message);
  });
  return Promise.race([asked, gone]);
}
