/**
 * Which rows in bulk the live stream has superseded.
 *
 * A row in bulk is read now and sent later; in between the live stream may say newer things about the same path:
 *
 *     scan reads /d/a (sequence 5) ......................... sends the row: /d/a is back, for good
 *     live                         rm /d/a (7) sent, accepted
 *
 * So a row is dropped right before it is sent when its key was touched by a live change that was sent with a sequence
 * greater than that of the row's group, or when a container above it was deleted by one. A live change that is still
 * waiting does no harm: it goes out after the row and wins.
 *
 * Sequences come from one clock of the source, and each group of rows has its own: what was sent before a group was
 * read never supersedes it. So one table serves all passes that run at the same time. It records while any of them
 * runs, and forgets when the last one ends.
 *
 * A noted key costs an entry, an untouched directory nothing but one look: a group (the rows of one directory, read
 * together) is looked into only when something in that directory, or a container above it, was touched.
 *
 * Bounds. Keys live in two generations; when the younger is full the older is forgotten, so the most recent half
 * million keys are known. What is forgotten was touched long ago; its row, if it is still unsent, can do harm only when
 * a live change lowered the modification time or when the receiver forgot its tombstone meanwhile, and the next change
 * or audit repairs that. A pass that is paused may hold rows for hours: it starts anew when anything was forgotten
 * meanwhile (`losses`). A forgotten deleted container would bring back a whole subtree: beyond their bound everything
 * is forgotten at once, and `isOverrun` says to each pass that ran by then that it has to start anew, with rows that
 * are newer than everything forgotten.
 */

import type { Change } from "../../sdk/index.ts";
import { parentKey } from "../../sdk/parent-key.ts";
import { KeyTable } from "../key-table.ts";

const MAX_KEYS = 500_000;
const MAX_CONTAINERS = 100_000;

/** The table. A change is noted in it right before it is sent. */
export class Superseded {
  #young = new KeyTable();
  #old = new KeyTable();
  readonly #deletedContainers = new Map<string, number>();
  readonly #maxKeys: number;
  readonly #maxContainers: number;
  #passes = 0;
  #overruns = 0;
  #losses = 0;

  constructor(maxKeys = MAX_KEYS, maxContainers = MAX_CONTAINERS) {
    this.#maxKeys = maxKeys;
    this.#maxContainers = maxContainers;
  }

  /** For one job; its passes begin and end one after the other. */
  view(): SupersededView {
    return new SupersededView(this);
  }

  get isEmpty(): boolean {
    return this.#young.size + this.#old.size === 0;
  }

  /** How often everything was forgotten because too many containers were deleted. */
  get overruns(): number {
    return this.#overruns;
  }

  /** How often anything was forgotten that a pass which ran might have asked for. */
  get losses(): number {
    return this.#losses;
  }

  /** A pass begins. */
  acquire(): void {
    this.#passes++;
  }

  /** A pass is over. */
  release(): void {
    this.#passes--;
    if (this.#passes === 0) this.#forget();
  }

  /** A change is being sent. */
  note(change: Change): void {
    if (this.#passes === 0) return;
    const { key, sequence } = change;
    this.#young.set(key, Math.max(sequence, this.#young.get(key) ?? 0));
    if (this.#young.size * 2 > this.#maxKeys) {
      if (this.#old.size > 0) this.#losses++;
      this.#old = this.#young;
      this.#young = new KeyTable();
    }
    if (change.op === "delete" && change.isContainer) this.#noteDeletedContainer(key, sequence);
  }

  /** Whether any row in this directory may be superseded. */
  concerns(directory: string): boolean {
    if (this.#young.hasDirectory(directory) || this.#old.hasDirectory(directory)) return true;
    return this.#deletedContainers.has(directory) || this.#deletedAbove(directory) >= 0;
  }

  supersedes(key: string, groupSequence: number): boolean {
    const touched = Math.max(this.#young.get(key) ?? -1, this.#old.get(key) ?? -1, this.#deletedAbove(key));
    return touched > groupSequence;
  }

  /** Whether this container, or one above it, was deleted since. */
  isDeleted(key: string, groupSequence: number): boolean {
    return Math.max(this.#deletedContainers.get(key) ?? -1, this.#deletedAbove(key)) > groupSequence;
  }

  #noteDeletedContainer(key: string, sequence: number): void {
    this.#deletedContainers.set(key, Math.max(sequence, this.#deletedContainers.get(key) ?? 0));
    if (this.#deletedContainers.size <= this.#maxContainers) return;
    this.#overruns++;
    this.#losses++;
    this.#forget();
  }

  #forget(): void {
    this.#young = new KeyTable();
    this.#old = new KeyTable();
    this.#deletedContainers.clear();
  }

  /** Sequence of the latest delete of a container above the key, -1 when there was none. */
  #deletedAbove(key: string): number {
    let latest = -1;
    if (this.#deletedContainers.size === 0) return latest;
    for (let above = parentKey(key); above !== undefined; above = parentKey(above)) {
      latest = Math.max(latest, this.#deletedContainers.get(above) ?? -1);
    }
    return latest;
  }
}

/** The table as one pass sees it. Outside of `begin` and `end` nothing supersedes anything. */
export class SupersededView {
  readonly #table: Superseded;
  /** Overruns of the table when the pass began; undefined = no pass. */
  #overruns: number | undefined;

  constructor(table: Superseded) {
    this.#table = table;
  }

  /** A pass begins: everything it reads is newer than what was sent before. */
  begin(): void {
    if (this.#overruns === undefined) this.#table.acquire();
    this.#overruns = this.#table.overruns;
  }

  end(): void {
    if (this.#overruns !== undefined) this.#table.release();
    this.#overruns = undefined;
  }

  get isEmpty(): boolean {
    return this.#overruns === undefined || this.#table.isEmpty;
  }

  /** Too much was forgotten meanwhile: the pass has to start anew. */
  get isOverrun(): boolean {
    return this.#overruns !== undefined && this.#overruns !== this.#table.overruns;
  }

  concerns(directory: string): boolean {
    return this.#overruns !== undefined && this.#table.concerns(directory);
  }

  supersedes(key: string, groupSequence: number): boolean {
    return this.#overruns !== undefined && this.#table.supersedes(key, groupSequence);
  }

  isDeleted(key: string, groupSequence: number): boolean {
    return this.#overruns !== undefined && this.#table.isDeleted(key, groupSequence);
  }
}
