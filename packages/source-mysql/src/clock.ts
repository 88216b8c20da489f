/**
 * Places in the server's log as numbers that grow: sequences of changes, and of the snapshots between them. Pure.
 *
 * A file of the log has a number and a place in it. Another server, or one whose log was reset, counts anew: what comes
 * from there is put behind everything that was seen before.
 */
const FILE = 2 ** 32;

export interface LogPlace {
  /** Such as `binlog.000012`. */
  readonly file: string;
  readonly offset: number;
}

const numberOf = ({ file, offset }: LogPlace): number =>
  Number(/(\d+)$/.exec(file)?.[1] ?? 0) * FILE + Math.min(offset, FILE - 1);

export class Clock {
  #ahead = 0;
  #last = 0;

  /** The sequence of a snapshot at this place: not below that of any change before it. */
  at(place: LogPlace): number {
    return this.#ahead + numberOf(place);
  }

  /** That of the next change, in a transaction that begins at this place. */
  next(place: LogPlace): number {
    this.#last = Math.max(this.#last, this.at(place)) + 1;
    return this.#last;
  }

  /** Nothing from here on was known before, whatever its place is called. */
  begin(place: LogPlace): void {
    this.#ahead += Math.max(0, this.#last - this.at(place));
  }
}
