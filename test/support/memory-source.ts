/** A source of rows in memory, written with the kit as an author of a driver would, and its world for the contract suite. */
import {
  AvailabilityState,
  bulkRows,
  type CallOptions,
  type Change,
  ChangeFeed,
  type ChangeOperation,
  type Row,
  type SnapshotOptions,
  type SourceDriver,
  type StreamOptions,
} from "../../src/sdk/kit.ts";
import type { SourceWorld } from "../../src/sdk/testing/contract-suites.ts";

export class MemoryWorld implements SourceWorld {
  readonly rows = new Map<string, Row>([
    ["/", { path: "/", text: "" }],
    ["/d", { path: "/d", text: "" }],
    ["/d/a", { path: "/d/a", text: "a" }],
  ]);
  onChange: (op: ChangeOperation, key: string, row: Row) => void = () => undefined;
  #made = 0;

  keys(): readonly string[] {
    return [...this.rows.keys()];
  }

  keyOf(row: Row): string {
    return String(row.path);
  }

  add(): string {
    const key = `/d/made-${++this.#made}`;
    this.#set("insert", key, "new");
    return key;
  }

  change(key: string): void {
    this.#set("update", key, "changed");
  }

  remove(key: string): void {
    this.rows.delete(key);
    this.onChange("delete", key, { path: key });
  }

  #set(op: ChangeOperation, key: string, text: string): void {
    const row = { path: key, text };
    this.rows.set(key, row);
    this.onChange(op, key, row);
  }
}

export class MemorySource implements SourceDriver {
  readonly schema = "memory";
  readonly table = "rows";
  readonly fields: readonly string[] = ["path", "text"];
  readonly uri: string = "memory:1";
  readonly world: MemoryWorld;
  readonly feed = new ChangeFeed();
  readonly availability = new AvailabilityState();
  sequence = 0;

  constructor(world: MemoryWorld) {
    this.world = world;
  }

  async open(): Promise<void> {
    this.world.onChange = (op, key, row) => this.report(op, key, row);
    this.availability.set({ state: "available" });
  }

  report(op: ChangeOperation, key: string, row: Row): void {
    this.sequence += 1;
    this.feed.add({ op, key, row, sequence: this.sequence, isContainer: false });
  }

  getMessageIterator(_position: number, options: CallOptions) {
    return this.feed.stream(options);
  }

  getSnapshotIterator({ signal }: SnapshotOptions) {
    return bulkRows([...this.world.rows.values()], { signal, sequence: () => this.sequence, chunkRows: 2 });
  }

  status() {
    return { availability: this.availability.current };
  }

  onAvailability(listener: Parameters<SourceDriver["onAvailability"]>[0]) {
    return this.availability.listen(listener);
  }

  async close(): Promise<void> {
    this.feed.close();
    this.availability.close();
  }
}

/** The same with positions of its own: the number of changes before. */
export class PositionedSource extends MemorySource {
  readonly history: Change[] = [];

  override report(op: ChangeOperation, key: string, row: Row): void {
    this.sequence += 1;
    const position = String(this.history.length + 1);
    const change = { op, key, row, sequence: this.sequence, isContainer: false, position };
    this.history.push(change);
    this.feed.add(change);
  }

  override getMessageIterator(_index: number, { position, ...options }: StreamOptions) {
    const at = position === undefined ? this.history.length : Number(position);
    const stream = this.feed.stream(options, { positionLost: position === undefined, position: String(at) });
    for (const change of this.history.slice(at)) this.feed.add(change);
    return stream;
  }
}
