import { KEPT_COLUMNS, type KeptColumns, type TableDump } from "../entry-table.ts";
import { UnusableState } from "./frames.ts";

const columnsOf = (entries: number): KeptColumns => ({
  parents: new Int32Array(entries),
  sizes: new Float64Array(entries),
  modified: new Float64Array(entries),
  created: new Float64Array(entries),
  flags: new Uint8Array(entries),
  marks: new Uint32Array(entries),
  suspectUntil: new Float32Array(entries),
});

/** Puts the columns of a tree together again. */
export class TableReader {
  readonly #columns: KeptColumns;
  readonly #names: string[] = [];
  readonly #entries: number;
  #bytes = 0;

  constructor(entries: number) {
    this.#entries = entries;
    this.#columns = columnsOf(entries);
  }

  takeColumn(name: string, at: number, part: Uint8Array): void {
    const column = KEPT_COLUMNS.find((each) => each === name);
    if (column === undefined) throw new UnusableState(`it holds an unknown column ${name}`);
    const { buffer } = this.#columns[column];
    if (at + part.length > buffer.byteLength) throw new UnusableState("a column is too long");
    new Uint8Array(buffer, at).set(part);
    this.#bytes += part.length;
  }

  takeNames(names: readonly string[]): void {
    for (const name of names) this.#names.push(name);
  }

  whole(): TableDump {
    const wanted = KEPT_COLUMNS.reduce((sum, name) => sum + this.#columns[name].byteLength, 0);
    if (this.#bytes !== wanted || this.#names.length !== this.#entries)
      throw new UnusableState("a part of it is missing");
    return { columns: this.#columns, names: this.#names };
  }
}
