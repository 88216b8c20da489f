/**
 * What the agent must know after a crash: `state/pipes.json` in the home.
 *
 * Only a session so far. It is handed back only on the same host, for the same receiver and the same pipe: deleting a session that
 * belongs to somebody else (a home copied to a second machine, a receiver moved) would throw out a healthy agent.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PipeMemory } from "../pipe/pipe-options.ts";
import { describeError, type Logger } from "../sdk/index.ts";
import { writeDurably } from "./durable-file.ts";

export const STATE_VERSION = 1;

export interface RememberedPipe {
  readonly session: string;
  readonly hostId: string;
  /** URI of the far side the session belongs to. */
  readonly receiver: string;
  readonly pipe: string;
}

type Reading =
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "good"; readonly pipes: Map<string, RememberedPipe> };

const isRemembered = (value: unknown): value is RememberedPipe => {
  const entry = value as Partial<Record<keyof RememberedPipe, unknown>> | null;
  return (
    typeof entry === "object" &&
    entry !== null &&
    [entry.session, entry.hostId, entry.receiver, entry.pipe].every((member) => typeof member === "string")
  );
};

/** Pure part of reading, for any text whatever. */
export function parseState(text: string): Reading {
  if (text.trim() === "") return { kind: "unusable", reason: "it is empty" };
  let document: { readonly version?: unknown; readonly pipes?: unknown } | null;
  try {
    document = JSON.parse(text) as typeof document;
  } catch (error) {
    return { kind: "unusable", reason: `it is no JSON: ${describeError(error)}` };
  }
  if (typeof document !== "object" || document === null) return { kind: "unusable", reason: "it is no JSON object" };
  if (document.version !== STATE_VERSION) {
    return { kind: "unusable", reason: `its version is ${JSON.stringify(document.version)}, not ${STATE_VERSION}` };
  }
  if (typeof document.pipes !== "object" || document.pipes === null) {
    return { kind: "unusable", reason: "it has no pipes" };
  }
  return { kind: "good", pipes: new Map(Object.entries(document.pipes).filter(([, entry]) => isRemembered(entry))) };
}

async function readState(path: string): Promise<Reading> {
  try {
    return parseState(await readFile(path, "utf8"));
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return absent ? { kind: "absent" } : { kind: "unusable", reason: describeError(error) };
  }
}

/** One per agent. Any number of pipes may use it at once; writes are put in a row and the newest state wins. */
export class StateStore {
  readonly folder: string;
  readonly #path: string;
  readonly #previous: string;
  readonly #logger: Logger;
  readonly #hostId: string;
  readonly #pipes: Map<string, RememberedPipe>;
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(folder: string, hostId: string, logger: Logger, pipes: Map<string, RememberedPipe>) {
    this.folder = folder;
    this.#path = join(folder, "pipes.json");
    this.#previous = join(folder, "pipes.json.bak");
    this.#hostId = hostId;
    this.#logger = logger;
    this.#pipes = pipes;
  }

  /** Never fails because of what the files hold; says so instead. */
  static async open(home: string, hostId: string, logger: Logger): Promise<StateStore> {
    const folder = join(home, "state");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of ["pipes.json", "pipes.json.bak"]) {
      const reading = await readState(join(folder, name));
      if (reading.kind === "good") return new StateStore(folder, hostId, logger, reading.pipes);
      if (reading.kind === "unusable") {
        logger.warn({ file: join(folder, name) }, `a state file cannot be used and is passed over: ${reading.reason}`);
      }
    }
    return new StateStore(folder, hostId, logger, new Map());
  }

  /** The memory of one pipe towards one receiver. */
  memoryOf(pipe: string, receiver: string): PipeMemory {
    return {
      rememberedSession: async () => {
        const known = this.#pipes.get(pipe);
        const ours = known?.hostId === this.#hostId && known.receiver === receiver && known.pipe === pipe;
        return ours ? known.session : undefined;
      },
      rememberSession: async (session) => {
        if (session === undefined) this.#pipes.delete(pipe);
        else this.#pipes.set(pipe, { session, hostId: this.#hostId, receiver, pipe });
        await this.#write();
      },
    };
  }

  #write(): Promise<void> {
    this.#lastWrite = this.#lastWrite.then(async () => {
      const text = `${JSON.stringify({ version: STATE_VERSION, pipes: Object.fromEntries(this.#pipes) }, null, 2)}\n`;
      try {
        await writeDurably(this.#path, text, this.#previous);
      } catch (error) {
        this.#logger.warn({ file: this.#path }, `the state was not saved: ${describeError(error)}`);
      }
    });
    return this.#lastWrite;
  }
}
