// SPDX-License-Identifier: MIT
/** Which requests Daily's limits still count: those of one process, or of all processes that share a file. */
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { makeDirectory } from "../directory.js";
import { takeName, type Unlock } from "../lock.js";

export interface Counted {
  id: string;
  /** The server has seen it by then; milliseconds of the clock. */
  seenBy: number;
}

export interface Budget {
  requests: Counted[];
  /** No request before, for the server has had enough of us; milliseconds of the clock. */
  heldUntil: number;
}

export interface BudgetStore {
  /** Runs `work` on the budget, and keeps what it made of it, while nobody else does. Rejects only as `work` throws. */
  change<T>(work: (budget: Budget) => T): Promise<T>;
}

const NOTHING: Budget = { requests: [], heldUntil: 0 };

export class OwnBudget implements BudgetStore {
  readonly #budget = structuredClone(NOTHING);

  async change<T>(work: (budget: Budget) => T): Promise<T> {
    return work(this.#budget);
  }
}

/** The clock begins anew with the host. */
function readBoot(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

const fileSchema = z.object({
  boot: z.string().refine((boot) => boot === readBoot()),
  requests: z.array(z.object({ id: z.string(), seenBy: z.number() })),
  heldUntil: z.number(),
});

/** The lock is held for a millisecond. Who has it for longer than this is none of ours. */
const PATIENCE_MS = 2_000;
const AGAIN_MS = 3;

/** In a file, replaced as a whole; where that cannot be had, this process counts its own requests. */
export class SharedBudget implements BudgetStore {
  readonly #path: string;
  #budget = structuredClone(NOTHING);
  /** The file lacks what we know. */
  #isBehind = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  change<T>(work: (budget: Budget) => T): Promise<T> {
    const done = this.#turn.then(() => this.#changeFile(work));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #changeFile<T>(work: (budget: Budget) => T): Promise<T> {
    const unlock = await this.#lock();
    try {
      if (!this.#isBehind) this.#budget = this.#read();
      const result = work(this.#budget);
      this.#write();
      return result;
    } finally {
      unlock?.();
    }
  }

  async #lock(): Promise<Unlock | undefined> {
    const end = performance.now() + PATIENCE_MS;
    try {
      makeDirectory(dirname(this.#path), 0o700);
      const { dev, ino } = statSync(dirname(this.#path));
      while (performance.now() < end) {
        const unlock = await takeName(`daily-${dev}-${ino}`);
        if (unlock) return unlock;
        await sleep(AGAIN_MS * Math.random());
      }
    } catch {
      // What cannot be locked cannot be written either.
    }
    return undefined;
  }

  #read(): Budget {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#path, "utf8")));
    } catch {
      return this.#budget;
    }
  }

  #write(): void {
    const aside = `${this.#path}.new`;
    try {
      writeFileSync(aside, JSON.stringify({ boot: readBoot(), ...this.#budget }), { mode: 0o600 });
      renameSync(aside, this.#path);
      this.#isBehind = false;
    } catch {
      this.#isBehind = true;
    }
  }
}
