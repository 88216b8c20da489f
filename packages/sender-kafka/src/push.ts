/** One envelope into a topic: rows, deletes with everything below them, and what a snapshot or an audit did not tell. */
import { type Envelope, type EnvelopeEvent, type Row, rowCountOf, rowsOf, type SourceType } from "fustor-agent/sdk";
import type { Attachment, TopicRecord } from "./attachment.ts";
import { busy, refused, sessionLost } from "./failures.ts";
import { Mark } from "./key-index.ts";
import type { CallBound } from "./link.ts";
import { type Mirror, WRITER } from "./mirror.ts";
import { valueBytes } from "./rows.ts";
import { type Headers, Writes } from "./writes.ts";

/**
 * What a snapshot or an audit that goes on has told so far is marked in the index.
 *
 * A snapshot is `awaited` before its first rows: it leaves out what a change told since it began to read, so such a
 * change counts as told by it. An audit sends its first row alone, and reads the others after that was accepted.
 */
export interface Passes {
  snapshot: "none" | "awaited" | "begun";
  audit: boolean;
}

export interface PushParts {
  readonly attachment: Attachment;
  readonly mirror: Mirror;
  readonly passes: Passes;
  readonly keyField: string;
  readonly writer: string;
  readonly bound: CallBound;
  /** By then the push says that it has more to do: what is written already stays so. */
  readonly until: number;
}

/** Of the tombstone of a path of 4096 bytes with its headers, at most. */
const STRAY_BYTES = 4_400;
const NAMES = { phase: Buffer.from("phase"), index: Buffer.from("index"), writer: Buffer.from(WRITER) };

export class Push {
  readonly #parts: PushParts;
  readonly #writes: Writes;
  bytesSent = 0;

  constructor(parts: PushParts) {
    this.#parts = parts;
    const { attachment, mirror } = parts;
    const { name, leaders } = attachment.topic;
    this.#writes = new Writes({
      index: mirror.index,
      topic: name,
      partitions: leaders.length,
      bytes: attachment.batchBytes,
    });
  }

  async run(envelope: Envelope, lastIndex: number): Promise<void> {
    const { sourceType, events, isEnd } = envelope;
    this.#begin(envelope);
    for (const [at, event] of events.entries()) {
      if (!liftsTombstones(sourceType, event, events[at + 1])) await this.#event(event);
    }
    await this.#flush();
    if (isEnd && sourceType === "snapshot") await this.#endSnapshot(lastIndex);
    if (isEnd && sourceType === "audit") await this.#endAudit(lastIndex);
  }

  /** Values in partitions that their keys do not belong to any more. */
  async dropStrays(): Promise<void> {
    const headers = this.#headers("snapshot", 0);
    const { attachment, mirror } = this.#parts;
    const topic = attachment.topic.name;
    const most = Math.max(1, Math.floor(attachment.batchBytes / STRAY_BYTES));
    for (let strays = mirror.strays(most); strays.length > 0; strays = mirror.strays(most)) {
      const records = strays.map(({ key, partition }) => ({
        topic,
        key: Buffer.from(key, "utf8"),
        partition,
        headers,
      }));
      await this.#send(records);
      mirror.dropped(strays);
      this.#demandTime();
    }
  }

  #begin({ sourceType, events, snapshotSyncSuggested }: Envelope): void {
    const { passes, mirror } = this.#parts;
    const isSnapshot = sourceType === "snapshot" && events.length > 0;
    if (passes.snapshot === "none" && (isSnapshot || snapshotSyncSuggested)) {
      mirror.index.clear(Mark.toldInSnapshot);
      passes.snapshot = "awaited";
    }
    if (isSnapshot) passes.snapshot = "begun";
    if (sourceType === "audit" && events.length > 0 && !passes.audit) {
      mirror.index.clear(Mark.toldInAudit | Mark.listed);
      passes.audit = true;
    }
  }

  async #event(event: EnvelopeEvent): Promise<void> {
    const headers = this.#headers(event.messageSource, event.index);
    const isAudit = event.messageSource === "audit";
    for (const row of rowsOf(event.rows)) {
      if (event.eventType === "delete") await this.#delete(this.#keyOf(row), headers);
      else await this.#put(row, event.schema, headers, isAudit);
      if (this.#writes.isFull) await this.#flush();
    }
  }

  async #put(row: Row, schema: string, headers: Headers, isAudit: boolean): Promise<void> {
    const { passes, mirror } = this.#parts;
    const { index } = mirror;
    const key = this.#keyOf(row);
    const told = (passes.snapshot === "none" ? 0 : Mark.toldInSnapshot) | (passes.audit ? Mark.toldInAudit : 0);
    const lists = isAudit && row.audit_skipped !== true ? Mark.listed : 0;
    const node = this.#write(key, valueBytes(row, schema), headers, told);
    if ((told | lists) !== 0) index.mark(node, told | lists);
    // In the place of a directory.
    if (row.is_directory === false && index.hasChildren(node)) {
      await this.#dropAll(
        index.below(node).filter((each) => each !== node),
        headers,
      );
    }
  }

  /** An entry whose row is refused exists all the same: what the topic holds of it stays. */
  #write(key: string, value: Buffer, headers: Headers, told: number): number {
    try {
      return this.#writes.put(key, value, headers);
    } catch (error) {
      const { index } = this.#parts.mirror;
      const known = index.find(key);
      if (known !== 0) index.mark(known, told);
      throw error;
    }
  }

  async #delete(key: string, headers: Headers): Promise<void> {
    const { index } = this.#parts.mirror;
    const node = index.find(key);
    if (node !== 0) await this.#dropAll(index.below(node), headers);
  }

  async #endSnapshot(lastIndex: number): Promise<void> {
    const { passes, mirror } = this.#parts;
    if (passes.snapshot !== "begun") return;
    await this.#dropAll(mirror.index.without(Mark.toldInSnapshot), this.#headers("snapshot", lastIndex));
    await this.#flush();
    passes.snapshot = "none";
  }

  async #endAudit(lastIndex: number): Promise<void> {
    const { passes, mirror } = this.#parts;
    if (!passes.audit) return;
    await this.#dropAll(mirror.index.unlisted(), this.#headers("audit", lastIndex));
    await this.#flush();
    passes.audit = false;
  }

  async #dropAll(nodes: readonly number[], headers: Headers): Promise<void> {
    for (const node of nodes) {
      this.#writes.drop(node, headers);
      if (this.#writes.isFull) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    for (;;) {
      const group = this.#writes.take();
      if (group.nodes.length === 0) return;
      await this.#send(group.records);
      this.#writes.accepted(group);
      this.#demandTime();
    }
  }

  #demandTime(): void {
    if (performance.now() > this.#parts.until) throw busy("the topic takes more time for this batch");
  }

  async #send(records: readonly TopicRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { attachment, mirror, bound } = this.#parts;
    const counts = new Map<number, number>();
    for (const { partition } of records) counts.set(partition, (counts.get(partition) ?? 0) + 1);
    const bases = await attachment.send(records, bound);
    for (const { key, value } of records) this.bytesSent += key.length + (value?.length ?? 0);
    let isOurs = true;
    for (const [partition, base] of bases) {
      isOurs = mirror.wrote(partition, base, counts.get(partition) ?? 0) && isOurs;
    }
    if (!isOurs) throw sessionLost("the topic holds records that this session did not write");
  }

  #keyOf(row: Row): string {
    const key = row[this.#parts.keyField];
    if (typeof key === "string" && key !== "") return key;
    throw refused(`a row has no text in ${this.#parts.keyField}, so it has no key`);
  }

  #headers(phase: string, index: number): Headers {
    return new Map([
      [NAMES.phase, Buffer.from(phase)],
      [NAMES.index, Buffer.from(String(index))],
      [NAMES.writer, Buffer.from(this.#parts.writer)],
    ]);
  }
}

/** The first half of a form that lifts tombstones, which a topic has not. It is no truth; the true rows follow. */
function liftsTombstones(sourceType: SourceType, event: EnvelopeEvent, next: EnvelopeEvent | undefined): boolean {
  if (event.messageSource !== "snapshot") return false;
  const isPair = next?.messageSource === "realtime" && rowCountOf(next.rows) === rowCountOf(event.rows);
  return sourceType === "message" || (isPair && event.rows.kind === "objects");
}
