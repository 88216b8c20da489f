/** One envelope into a topic: rows, deletes with everything below them, and what a snapshot or an audit did not tell. */
import { type Envelope, type EnvelopeEvent, type Row, rowCountOf, rowsOf, type SourceType } from "fustor-agent/sdk";
import type { Attachment, TopicRecord } from "./attachment.ts";
import { busy, refused, sessionLost } from "./failures.ts";
import { Mark } from "./key-index.ts";
import type { CallBound } from "./link.ts";
import { type Mirror, WRITER } from "./mirror.ts";
import { valueBytes } from "./rows.ts";
import { type Headers, Writes } from "./writes.ts";

/** What a snapshot or an audit that goes on has told so far is marked in the index. */
export interface Passes {
  snapshot: boolean;
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
    this.#begin(sourceType, events.length > 0);
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
    const { topic } = this.#parts.attachment;
    const records = this.#parts.mirror.takeStrays().map(({ key, partition }) => ({
      ...{ topic: topic.name, key: Buffer.from(key, "utf8"), partition, headers },
    }));
    for (let at = 0; at < records.length; at += 1000) await this.#send(records.slice(at, at + 1000));
  }

  #begin(sourceType: string, hasEvents: boolean): void {
    const { passes, mirror } = this.#parts;
    if (!hasEvents) return;
    if (sourceType === "snapshot" && !passes.snapshot) {
      mirror.index.clear(Mark.toldInSnapshot);
      passes.snapshot = true;
    }
    if (sourceType === "audit" && !passes.audit) {
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
    const node = this.#writes.put(this.#keyOf(row), valueBytes(row, schema), headers);
    const told = (passes.snapshot ? Mark.toldInSnapshot : 0) | (passes.audit ? Mark.toldInAudit : 0);
    const lists = isAudit && row.audit_skipped !== true ? Mark.listed : 0;
    if ((told | lists) !== 0) index.mark(node, told | lists);
    // In the place of a directory.
    if (row.is_directory === false && index.hasChildren(node)) {
      await this.#dropAll(
        index.below(node).filter((each) => each !== node),
        headers,
      );
    }
  }

  async #delete(key: string, headers: Headers): Promise<void> {
    const { index } = this.#parts.mirror;
    const node = index.find(key);
    if (node !== 0) await this.#dropAll(index.below(node), headers);
  }

  async #endSnapshot(lastIndex: number): Promise<void> {
    const { passes, mirror } = this.#parts;
    if (!passes.snapshot) return;
    await this.#dropAll(mirror.index.without(Mark.toldInSnapshot), this.#headers("snapshot", lastIndex));
    await this.#flush();
    passes.snapshot = false;
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
      if (performance.now() > this.#parts.until) throw busy("the topic takes more time for this batch");
    }
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
