/**
 * Which snapshot rows the live stream has overtaken.
 *
 * A snapshot row is read now and sent later; in between the live stream may say newer things about the same path:
 *
 *     scan reads /d/a (sequence 5) ......................... sends the row: /d/a is back, for good
 *     live                         rm /d/a (7) sent, accepted
 *
 * So a row is dropped right before it is sent when its key was touched by a live change that was sent with a sequence greater
 * than that of the row's group, or when a container above it was deleted by one. A live change that is still waiting does no harm:
 * it goes out after the row and wins.
 *
 * A touched key costs an entry, an untouched directory nothing but one look: a group (the rows of one directory, read together) is
 * looked into only when something in that directory, or a container above it, was touched.
 *
 * Bounds. Keys live in two generations; when the younger is full the older is forgotten, so the most recent half million keys are
 * known. What is forgotten was touched long ago; its row, if it is still unsent, can do harm only when a live change
 * lowered the modification time or when the far side forgot its tombstone meanwhile, and the next change or audit repairs that.
 * A forgotten deleted container would bring back a whole subtree, so these are never forgotten: beyond their bound `isOverrun` says
 * that the pass has to start anew, with rows that are newer than everything forgotten.
 */
import { parentKey } from "../../bus/key-path.ts";
import type { Change } from "../../sdk/index.ts";
import { KeyTable } from "../key-table.ts";

const MAX_KEYS = 500_000;
const MAX_CONTAINERS = 100_000;

/** Each bulk activity has its own, for they begin and end at different times; a live change is noted in all of them. */
export class TouchedByActivity {
  readonly snapshot = new TouchedKeys();
  readonly audit = new TouchedKeys();
  readonly scan = new TouchedKeys();
  readonly rescan = new TouchedKeys();
  readonly announcement = new TouchedKeys();

  note(change: Change): void {
    this.snapshot.note(change);
    this.audit.note(change);
    this.scan.note(change);
    this.rescan.note(change);
    this.announcement.note(change);
  }
}

export class TouchedKeys {
  #young = new KeyTable();
  #old = new KeyTable();
  readonly #deletedContainers = new Map<string, number>();
  readonly #maxKeys: number;
  readonly #maxContainers: number;
  #recording = false;

  constructor(maxKeys = MAX_KEYS, maxContainers = MAX_CONTAINERS) {
    this.#maxKeys = maxKeys;
    this.#maxContainers = maxContainers;
  }

  /** A pass begins: everything it reads is newer than what was sent before. */
  begin(): void {
    this.end();
    this.#recording = true;
  }

  end(): void {
    this.#recording = false;
    this.#young = new KeyTable();
    this.#old = new KeyTable();
    this.#deletedContainers.clear();
  }

  get isEmpty(): boolean {
    return this.#young.size + this.#old.size === 0;
  }

  get isOverrun(): boolean {
    return this.#deletedContainers.size > this.#maxContainers;
  }

  /** A change is being sent. */
  note(change: Change): void {
    if (!this.#recording) return;
    const { key, sequence } = change;
    this.#young.set(key, Math.max(sequence, this.#young.get(key) ?? 0));
    if (this.#young.size * 2 > this.#maxKeys) {
      this.#old = this.#young;
      this.#young = new KeyTable();
    }
    if (change.op === "delete" && change.isContainer) {
      this.#deletedContainers.set(key, Math.max(sequence, this.#deletedContainers.get(key) ?? 0));
    }
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
