import type { Change } from "../core/change.ts";
import { Feed } from "../lib/feed.ts";
import type { ChangeListener } from "../ports/changes.ts";
import type { Clock } from "../ports/clock.ts";

/** What happened, and when. */
export interface DatedChange {
  readonly at: Date;
  readonly change: Change;
}

/** Kept for those who read late: some minutes of a host that is at work. */
const changesKept = 2_000;

/** The newest changes of functions and VMs, in memory. */
export class ChangeFeed extends Feed<DatedChange> implements ChangeListener {
  readonly #clock: Clock;
  /** Of this feed alone: another manager, or the same one started again, numbers its own. */
  readonly id: string;

  constructor(clock: Clock) {
    super(changesKept);
    this.#clock = clock;
    this.id = clock.newId();
  }

  changed(change: Change): void {
    this.publish({ at: this.#clock.now(), change });
  }
}
