import { renameSync, rmSync, writeFileSync } from "node:fs";
import type { Logger } from "../../sdk/observer.ts";
import type { Recorder } from "../fusion-acts.ts";
import type { FusionCore } from "../fusion-core.ts";
import { dumpOf, type FusionDump, writeCheckpoint } from "./checkpoint.ts";
import type { Command, Noted } from "./command.ts";
import type { HeldClock, Moment } from "./held-clock.ts";
import { Journal } from "./journal.ts";
import { checkpointHead, type Ground, journalHead } from "./load-state.ts";
import type { StateFiles } from "./state-files.ts";

export interface StoreParts {
  readonly files: StateFiles;
  readonly core: FusionCore;
  readonly clock: HeldClock;
  readonly logger: Logger;
  readonly ground: Ground;
  /** When the journal has so many bytes, and as many as the checkpoint, a new checkpoint is written. */
  readonly journalBytes: number;
  /** How long it waits after a failure before it writes again. */
  readonly retryMs: number;
}

/** Bodies are in memory until the disk has them. Behind a disk that hangs, further ones have to wait with the agents. */
const MOST_WAITING_BYTES = 67_108_864;

const STAYS = "the earlier state and its journal stay";
const IN_MEMORY = "the view goes on in memory only";

/**
 * Keeps a Fusion on disk: each command is in a journal before it is answered, and now and then a checkpoint takes the
 * journal's place.
 *
 * What is on disk is never older than what was answered. When the journal cannot be written the files are removed, the
 * Fusion goes on in memory, and a new checkpoint is tried later. When a checkpoint cannot be written, the earlier one
 * stays together with its journals.
 */
export class StateStore implements Recorder {
  readonly #parts: StoreParts;
  #generation: number;
  /** None while the state cannot be written, and at the end. */
  #journal: Journal | undefined;
  #closing: Promise<void> | undefined;
  #checkpointBytes = 0;
  #checkpointing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** What was said last of a failure. */
  #troubled: string | undefined;
  #ended = false;

  private constructor(parts: StoreParts, generation: number) {
    this.#parts = parts;
    this.#generation = generation;
    parts.core.onSwept = () => this.#note({ kind: "sweep" }, parts.clock.moment());
  }

  /** Goes on behind what was loaded: `next` is the first generation without a journal. */
  static async goOn(parts: StoreParts, next: number, commands: number): Promise<StateStore> {
    const store = new StateStore(parts, next);
    store.#journal = await store.#newJournal(next);
    await parts.files.sync();
    rmSync(parts.files.clean(next), { force: true });
    await parts.files.sync();
    if (commands > 0) store.#checkpointSoon();
    return store;
  }

  /** Begins in a folder without any state. */
  static async begin(parts: StoreParts): Promise<StateStore> {
    const store = new StateStore(parts, 0);
    await store.#checkpoint();
    return store;
  }

  record<T>(command: Command, body: Uint8Array | undefined, act: () => T): T {
    const moment = this.#parts.clock.moment();
    this.#note(command, moment, body);
    const limit = Math.max(this.#parts.journalBytes, this.#checkpointBytes);
    if (this.#journal !== undefined && this.#journal.length > limit) this.#checkpointSoon();
    return this.#parts.clock.during(moment, act);
  }

  #note(command: Command, moment: Moment, body?: Uint8Array): void {
    const noted: Noted = { ...command, ...moment };
    this.#journal?.append(noted, body);
  }

  get isBehind(): boolean {
    return (this.#journal?.backlog ?? 0) > MOST_WAITING_BYTES;
  }

  settled(): Promise<void> | undefined {
    return this.#journal?.settled() ?? this.#closing;
  }

  /** Writes the last checkpoint. Commands that still come are carried out and not noted. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#retry);
    await this.#checkpointing;
    const journal = this.#journal;
    this.#journal = undefined;
    const dump = dumpOf(this.#parts.core);
    const generation = this.#generation + 1;
    try {
      await journal?.close();
      await this.#write(generation, dump);
      writeFileSync(this.#parts.files.clean(generation), "", { flag: "wx", mode: 0o600 });
      await this.#parts.files.sync();
    } catch (error) {
      this.#complain(error, journal === undefined ? "there is none for the next start" : STAYS);
    }
  }

  #checkpointSoon(): void {
    if (this.#checkpointing !== undefined || this.#retry !== undefined || this.#ended) return;
    this.#checkpointing = this.#checkpoint().finally(() => {
      this.#checkpointing = undefined;
    });
  }

  async #checkpoint(): Promise<void> {
    const generation = this.#generation + 1;
    const earlier = this.#journal;
    let journal: Journal | undefined;
    try {
      journal = await this.#newJournal(generation);
      // From here to the end of the copy nothing else runs: the copy is what the journals before held.
      journal.follow(earlier?.settled());
      this.#journal = journal;
      this.#generation = generation;
      const dump = dumpOf(this.#parts.core);
      this.#closing = earlier?.close();
      await this.#closing;
      if (await this.#write(generation, dump, journal)) this.#rejoice();
      else {
        await journal.close();
        // A retry that came due meanwhile found this one under way.
        this.#tryLater();
      }
    } catch (error) {
      // Nothing here may throw: nobody waits for this promise. A draft that is left is written over by the next try.
      this.#complain(error, earlier === undefined || this.#journal === undefined ? IN_MEMORY : STAYS);
      if (journal !== undefined && earlier === undefined) this.#giveUp();
      this.#tryLater();
    } finally {
      this.#closing = undefined;
    }
  }

  /** False when the journal that follows it broke meanwhile: then it is worthless. */
  async #write(generation: number, dump: FusionDump, journal?: Journal): Promise<boolean> {
    const { files, clock, ground } = this.#parts;
    const draft = files.draft(files.checkpoint(generation));
    const head = checkpointHead({ generation, mono: clock.monotonicMs() }, ground);
    try {
      const bytes = await writeCheckpoint(draft, head, dump);
      if (journal !== undefined && this.#journal !== journal) return false;
      renameSync(draft, files.checkpoint(generation));
      this.#checkpointBytes = bytes;
    } finally {
      rmSync(draft, { force: true });
    }
    await files.sync();
    files.removeBelow(generation);
    return true;
  }

  #newJournal(generation: number): Promise<Journal> {
    const { files, ground } = this.#parts;
    const path = files.journal(generation);
    return Journal.create(path, files.draft(path), journalHead(generation, ground), (error) => {
      this.#complain(error, IN_MEMORY);
      this.#giveUp();
      this.#tryLater();
    });
  }

  /** What is on disk is about to be older than what agents were told: it must not be found by a later start. */
  #giveUp(): void {
    // Open, a removed file would still take its room on the disk.
    void this.#journal?.close().catch(() => undefined);
    this.#journal = undefined;
    try {
      this.#parts.files.removeAll();
    } catch (error) {
      this.#parts.logger.error(
        { error: (error as Error).message },
        "the state can be neither written nor removed: every session is ended, so that no agent takes it for its own",
      );
      for (const { id } of this.#parts.core.everySession()) this.#parts.core.closeSession(id);
    }
  }

  #rejoice(): void {
    if (this.#troubled !== undefined) this.#parts.logger.info({}, "the state is written again");
    this.#troubled = undefined;
  }

  #complain(error: unknown, consequence: string): void {
    if (this.#troubled === consequence) return;
    this.#troubled = consequence;
    const { folder } = this.#parts.files;
    this.#parts.logger.warn({ state_dir: folder, error: (error as Error).message }, `no state written: ${consequence}`);
  }

  #tryLater(): void {
    if (this.#ended || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#checkpointSoon();
    }, this.#parts.retryMs);
    this.#retry.unref();
  }
}
