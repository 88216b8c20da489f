/** Realtime changes in one POST. */
import type { Change, Envelope, Row } from "../../sdk/index.ts";
import type { LiveItem } from "../encode/envelope-builder.ts";
import { type Batch, type BatchContext, jsonBytes } from "./batch.ts";

export class LiveBatch implements Batch {
  readonly phase = "message";
  readonly #items: readonly LiveItem[];
  readonly #context: BatchContext;
  #envelope: Envelope | undefined;

  constructor(items: readonly LiveItem[], context: BatchContext) {
    this.#items = items;
    this.#context = context;
  }

  get rowCount(): number {
    return this.#items.length;
  }

  sizeBytes(): number {
    return this.#items.reduce((sum, { change }) => sum + jsonBytes(change.row), 0);
  }

  envelope(): Envelope {
    this.#envelope ??= this.#context.builder.live(this.#items);
    return this.#envelope;
  }

  halve(): readonly [Batch, Batch] | undefined {
    if (this.#items.length < 2) return undefined;
    // An item stands for both rows of the lifting form, so a pair is never torn.
    const middle = this.#items.length >>> 1;
    return [
      new LiveBatch(this.#items.slice(0, middle), this.#context),
      new LiveBatch(this.#items.slice(middle), this.#context),
    ];
  }

  key(): string {
    return this.#items.map((item) => item.change.key).join(", ");
  }

  row(): string | undefined {
    const [item] = this.#items;
    return item === undefined ? undefined : JSON.stringify(item.change.row);
  }

  sending(): void {
    const deleted: Change[] = [];
    for (const { change } of this.#items) {
      this.#context.superseded.note(change);
      if (change.op === "delete" && isTombstoned(change.row)) deleted.push(change);
    }
    this.#context.tombstones.noteAllDeleted(deleted);
  }

  accepted(): void {
    const { tombstones, onRows } = this.#context;
    for (const { change, lift } of this.#items) {
      // In order: of a delete and a lifting row of the same key the later one counts.
      if (change.op === "delete" && isTombstoned(change.row)) tombstones.noteDeleted(change);
      else if (lift) tombstones.noteLifted(change.key);
    }
    onRows("message", this.#items.length);
  }
}

/** Only paths leave tombstones; other sources' keys would fill the set for nothing. */
const isTombstoned = (row: Row): boolean => typeof row.path === "string";
