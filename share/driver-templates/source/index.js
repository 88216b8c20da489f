// The source driver {{name}}: the entries of a JSON file, such as {"/first": "some text", "/second": "more"}.
//
// It looks at the file every `interval_sec` seconds and reports what is new, changed and gone. Put what you want to
// watch in the place of `readEntries`; a source that is told of changes calls `#compare` when that happens.
import { readFile } from "node:fs/promises";
import {
  AvailabilityState,
  bulkRows,
  ChangeFeed,
  describeError,
  duration,
  FustorError,
  sourceModule,
  z,
} from "fustor-agent/sdk";

/** @import { Logger, SourceDriver } from "fustor-agent/sdk" */

const ROOT = { path: "/", file_name: "", size: 0, modified_time: 0, created_time: 0, is_directory: true };

/** @param {string} file @returns {Promise<Map<string, string>>} */
async function readEntries(file) {
  const entries = JSON.parse(await readFile(file, "utf8"));
  return new Map(Object.entries(entries).map(([key, value]) => [key, String(value)]));
}

/** A row as Fusion's tree knows it. Other receivers may want other columns: name them in `fields`. */
const rowOf = (path, text, seconds) => ({
  path,
  file_name: path.slice(path.lastIndexOf("/") + 1),
  size: Buffer.byteLength(text),
  modified_time: seconds,
  created_time: seconds,
  is_directory: false,
});

/** @implements {SourceDriver} */
export class Source {
  schema = "fs";
  table = "files";
  fields = ["path", "file_name", "size", "modified_time", "created_time", "is_directory"];

  #intervalMs;
  #logger;
  #availability = new AvailabilityState();
  #feed = new ChangeFeed();
  /** What was there at the last look: key -> text and row. */
  #known = new Map();
  /** Grows with every change; rows of a snapshot carry the number of the moment when they were read. */
  #sequence = 0;
  #timer;
  #looking = Promise.resolve();
  #isClosed = false;

  /** @param {{uri: string, intervalMs: number, logger: Logger}} options */
  constructor({ uri, intervalMs, logger }) {
    this.uri = uri;
    this.#intervalMs = intervalMs;
    this.#logger = logger;
  }

  async open() {
    await this.#look();
  }

  /** Never rejects: a file that is away is a state, and nothing counts as deleted because of it. */
  async #look() {
    try {
      this.#compare(await readEntries(this.uri));
      this.#availability.set({ state: "available" });
    } catch (error) {
      const reason = `${this.uri} cannot be read: ${describeError(error)}`;
      this.#logger.debug({}, reason);
      this.#availability.set({ state: "unavailable", reason });
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, this.#intervalMs);
  }

  /** @param {Map<string, string>} now */
  #compare(now) {
    for (const [key, text] of now) {
      const before = this.#known.get(key);
      if (before?.text === text) continue;
      const row = rowOf(key, text, Date.now() / 1000);
      this.#known.set(key, { text, row });
      this.#report(before === undefined ? "insert" : "update", key, row);
    }
    for (const key of [...this.#known.keys()].filter((known) => !now.has(known))) {
      this.#known.delete(key);
      this.#report("delete", key, { path: key });
    }
  }

  #report(op, key, row) {
    this.#sequence += 1;
    this.#feed.add({ op, key, row, sequence: this.#sequence, isContainer: false });
  }

  getMessageIterator(_startPosition, options) {
    return this.#feed.stream(options);
  }

  getSnapshotIterator({ signal }) {
    return bulkRows(this.#rows(), { signal, sequence: () => this.#sequence });
  }

  *#rows() {
    const { current } = this.#availability;
    if (current.state === "unavailable") {
      throw new FustorError("FUSTOR_SOURCE_UNAVAILABLE", current.reason, { retryable: true });
    }
    yield ROOT;
    for (const { row } of [...this.#known.values()]) yield row;
  }

  status() {
    return { availability: this.#availability.current, entries: this.#known.size };
  }

  onAvailability(listener) {
    return this.#availability.listen(listener);
  }

  async close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#feed.close();
    this.#availability.close();
    await this.#looking;
  }
}

export default sourceModule({
  kind: "source",
  name: "{{name}}",
  aliases: [],
  rowKey: "path",
  schema: z.object({ interval_sec: duration.default(1) }),
  create: async ({ logger }, { uri, params }) => new Source({ uri, intervalMs: params.interval_sec * 1000, logger }),
});
