/** A receiver in the process of the test: what it holds is what the rules of the pipe leave of stream and snapshots. */
import {
  type ChangeBatch,
  type Row,
  type RowChunk,
  type SourceDriver,
  type SourceStore,
  silentLogger,
} from "fustor-agent/sdk";
import { onTestFinished } from "vitest";
import { lasting, waitFor } from "../../../test/support/wait-for.ts";
import driver from "../src/index.ts";
import { type Database, SECRET, USER } from "./mariadb-server.ts";

interface MirrorOptions {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly password?: string;
  readonly uri?: string;
  /** Where an earlier run was. */
  readonly position?: string | undefined;
  readonly store?: SourceStore;
}

const rowsIn = ({ buffer, rowOffsets, rowCount }: RowChunk): Row[] =>
  JSON.parse(`[${new TextDecoder().decode(buffer.subarray(0, (rowOffsets[rowCount] ?? 1) - 1))}]`) as Row[];

export class Mirror {
  readonly rows = new Map<string, Row>();
  readonly operations: string[] = [];
  readonly failures: string[] = [];
  readonly logged: readonly string[];
  readonly source: SourceDriver;
  readonly #abort = new AbortController();
  readonly #touched = new Map<string, number>();
  snapshots = 0;
  /** As the agent knows it. */
  position: string | undefined;
  /** Awaited with each chunk of a snapshot. */
  onChunk: () => Promise<void> = async () => undefined;
  /** Changes are taken and acknowledged. */
  acknowledges = true;
  /** A stream that failed is opened again. */
  goesOn = true;
  #running: Promise<void> | undefined;

  private constructor(source: SourceDriver, logged: readonly string[]) {
    this.source = source;
    this.logged = logged;
  }

  static async of(
    database: Database,
    { params = {}, password = SECRET, uri = database.uri, position, store }: MirrorOptions = {},
  ): Promise<Mirror> {
    const logged: string[] = [];
    const warn = (facts: object, text: string): void => void logged.push(`${text} ${JSON.stringify(facts)}`);
    const logger = { ...silentLogger, warn, error: warn, info: warn };
    const source = await driver.create(
      { id: database.name, logger, ...(store === undefined ? {} : { store }) },
      {
        uri,
        credential: { kind: "password", user: USER, password },
        params: driver.schema.parse(params),
        excludePaths: [],
      },
    );
    const mirror = new Mirror(source, logged);
    mirror.position = position;
    onTestFinished(() => mirror.close());
    return mirror;
  }

  async start(): Promise<this> {
    await this.source.open({ signal: this.#abort.signal });
    this.#running = this.#run();
    return this;
  }

  /** As the agent does: a snapshot whenever the position was lost. */
  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const options = this.position === undefined ? { signal } : { signal, position: this.position };
      const { batches, positionLost, position } = this.source.getMessageIterator(-1, options);
      this.position = position ?? this.position;
      const snapshot = positionLost ? this.#snapshot() : undefined;
      try {
        for await (const batch of batches) this.#apply(batch);
      } catch (error) {
        this.failures.push(String(error));
      }
      await snapshot;
      if (!this.goesOn) return;
      await lasting(50, "the pause before another try");
    }
  }

  async #snapshot(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        for await (const chunk of this.source.getSnapshotIterator({ signal }).chunks) {
          for (const row of rowsIn(chunk)) {
            const path = String(row.path);
            const table = path.slice(0, path.lastIndexOf("/"));
            const touched = Math.max(this.#touched.get(path) ?? 0, this.#touched.get(table) ?? 0);
            if (touched <= (chunk.groupSequence[0] ?? 0)) this.rows.set(path, row);
          }
          chunk.release();
          await this.onChunk();
        }
        this.snapshots++;
        return;
      } catch (error) {
        this.failures.push(String(error));
        await lasting(50, "the pause before another try");
      }
    }
  }

  #apply({ changes }: ChangeBatch): void {
    for (const { op, key, row, sequence, isContainer } of changes) {
      this.operations.push(`${op} ${key}`);
      this.#touched.set(key, sequence);
      if (op !== "delete") this.rows.set(key, row);
      else if (!isContainer) this.rows.delete(key);
      else for (const path of [...this.rows.keys()]) if (path.startsWith(`${key}/`)) this.rows.delete(path);
    }
    const last = changes.at(-1);
    this.position = last?.position ?? this.position;
    if (this.acknowledges && last !== undefined) this.source.acknowledged?.(last);
  }

  /** Waits until one column of every row is what the table has. */
  async shows(expected: () => Promise<Readonly<Record<string, unknown>>>, column: string, below = "/"): Promise<void> {
    const seen = (): string =>
      JSON.stringify(
        Object.fromEntries(
          [...this.rows]
            .filter(([path]) => path.startsWith(below))
            .sort()
            .map(([path, row]) => [path, row[column]]),
        ),
      );
    let wanted = "";
    const holds = async (): Promise<boolean> => {
      wanted = JSON.stringify(Object.fromEntries(Object.entries(await expected()).sort()));
      return seen() === wanted;
    };
    const what = (): string =>
      `${column} is ${seen().slice(0, 500)}, not ${wanted.slice(0, 500)}; ${this.failures.join("; ").slice(-500)}`;
    await waitFor(holds, { timeoutMs: 15_000, what });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.source.close();
  }
}
