/**
 * A driver as a value: its names, the parameters that it takes, and how one is made. Drivers that come with the agent
 * and installed ones are the same kind of value; src/drivers finds them by name.
 *
 * The configuration is checked by the module and nowhere else. `schema` checks `driver_params`; `check` checks what
 * needs the address, the credential or the environment. `create` gets what came out of both and does not check it
 * again: what `validate` passes, `start` takes.
 */
import type { z } from "zod";
import type { ComparableTree } from "./comparable-tree.ts";
import type { Credential } from "./credential.ts";
import type { SenderDriver, SenderDriverContext } from "./sender-driver.ts";
import type { SourceDriverContext } from "./source-context.ts";
import type { SourceDriver } from "./source-driver.ts";

export type DriverKind = "source" | "sender";

/** Parameters after their check, snake_case, every default filled in. */
export type DriverParams = Readonly<Record<string, unknown>>;

/** An entry of the configuration after its check. */
export interface DriverEntry<P extends DriverParams = DriverParams> {
  /** Placeholders for secrets are replaced. */
  readonly uri: string;
  readonly credential?: Credential;
  readonly params: P;
}

/** An entry before it: what is missing was not written or is wrong in itself, which is reported already. */
export type WrittenEntry<P extends DriverParams = DriverParams> = Partial<DriverEntry<P>>;

/** Which key of its entry a driver speaks of. */
export type EntryKey = "uri" | "credential" | `driver_params.${string}`;

/** What a check may ask for, and where it reports. A report never repeats a value: it may be a secret. */
export interface EntryCheck {
  /** Whether the entry has this key with a value, right or wrong. */
  isWritten(key: EntryKey): boolean;
  /** A variable of the environment, `.env` of the home included. */
  variable(name: string): string | undefined;
  /** The text with `${env:NAME}` and `${file:/path}` replaced; undefined when that failed and was reported. */
  expand(text: string, key: EntryKey): string | undefined;
  /**
   * `what` is half a sentence that begins with a verb, `cure` says what to do. `origin` names another place that the
   * value came from.
   */
  error(key: EntryKey, what: string, cure: string, origin?: string): void;
  warn(key: EntryKey, what: string, cure: string): void;
}

/**
 * What is wrong with the machine rather than with the text: a path that is not there, a file that holds something else.
 */
export interface PlaceProblem {
  readonly key: EntryKey;
  readonly what: string;
  readonly cure: string;
  /**
   * `refuse`: the configuration is not taken. `fail`: it is, but the pipes on this entry cannot start. `wait`: they
   * wait until it is otherwise.
   */
  readonly outcome: "refuse" | "fail" | "wait";
}

interface DriverModule<K extends DriverKind, S extends z.ZodObject> {
  readonly kind: K;
  /** What a configuration gives as `driver`. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** `driver_params`. Every message reads `what is wrong; what to do`; every optional parameter has its default. */
  readonly schema: S;
  /** Parameters of other programs that change nothing here, each with what does the work instead. */
  readonly withoutEffect?: Readonly<Record<string, string>>;
  /**
   * Parameters that a key beside the sections stands in for where they are not written: parameter -> key. Only for
   * drivers that come with the agent.
   */
  readonly agentWide?: Readonly<Record<string, string>>;
  /** The address of an entry that names none. Absent: every entry has to name one. */
  readonly defaultUri?: string;
  /**
   * The entry as the driver wants it (an address without a trailing slash, say); undefined when something is missing or
   * wrong. Everything that can be checked is, so that a user sees all problems at once. Absent: whatever fits the
   * schema is right.
   */
  check?(entry: WrittenEntry<z.output<S>>, check: EntryCheck): DriverEntry<z.output<S>> | undefined;
  /** Looks at what the entry names on this machine; within seconds, also when a file system hangs. */
  inspect?(entry: DriverEntry<z.output<S>>): Promise<readonly PlaceProblem[]>;
}

/** What a source is made of. */
export interface SourceSettings<P extends DriverParams = DriverParams> extends DriverEntry<P> {
  /** Absolute paths that are left out exactly: the agent's own files. */
  readonly excludePaths: readonly string[];
}

export interface SourceModule<S extends z.ZodObject = z.ZodObject> extends DriverModule<"source", S> {
  /** The member by which a row is known: a deleted row holds nothing else, so that a mapping has to carry it on. */
  readonly rowKey?: string;
  /** Opens nothing. Rejects when this machine cannot run the driver at all. */
  create(context: SourceDriverContext, settings: SourceSettings<z.output<S>>): Promise<SourceDriver>;
  /**
   * The source as `verify` compares it, beside a source that runs or without one. Absent: it cannot be compared. Only
   * for drivers that come with the agent.
   */
  openTree?(settings: SourceSettings<z.output<S>>): Promise<ComparableTree>;
}

/** What a sender is made of. */
export interface SenderSettings<P extends DriverParams = DriverParams> extends DriverEntry<P> {
  /** For one request, from the first attempt to connect to the last byte of the answer. */
  readonly timeoutMs: number;
}

export interface SenderModule<S extends z.ZodObject = z.ZodObject> extends DriverModule<"sender", S> {
  /** Parameters that win over a key of the entry when both are written: parameter -> key. */
  readonly overrides?: Readonly<Record<string, SenderLimit>>;
  /** Opens no connection. Rejects when the settings cannot work on this machine. */
  create(context: SenderDriverContext, settings: SenderSettings<z.output<S>>): Promise<SenderDriver>;
  /**
   * What the receiver holds, as `verify` compares it. Rejects when the receiver does not show it. Absent: it cannot be
   * compared. Only for drivers that come with the agent.
   */
  openTree?(settings: SenderSettings<z.output<S>>, signal: AbortSignal): Promise<ComparableTree>;
}

export type SenderLimit = "batch_bytes" | "event_rows" | "timeout_sec";

export type AnyDriverModule = SourceModule | SenderModule;

/** Has the compiler check a module against its own schema. */
export const sourceModule = <S extends z.ZodObject>(module: SourceModule<S>): SourceModule<S> => module;
export const senderModule = <S extends z.ZodObject>(module: SenderModule<S>): SenderModule<S> => module;
