/**
 * How agents reach the embedded Fusion by another way than HTTP. A receiver driver only carries messages: what they mean,
 * and who may say what, is decided by the desk, which the routes over HTTP ask as well.
 */
import type { z } from "zod";
import type { DriverParams } from "./driver.ts";
import type { Logger } from "./observer.ts";

/** What a receiver answers, with the status that it has over HTTP. Below 300: done; the body then is that of docs/protocol.md. */
export interface DeskAnswer {
  readonly status: number;
  /** Of a refusal: `detail`, a text or a list of objects. */
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Everything that an agent may ask of one receiver. `pipe` is what {@link ReceiverDesk.identify} said of the key; for a
 * key, the session of another pipe is unknown. Bodies are what JSON would be parsed to; the desk checks their shape.
 */
export interface ReceiverDesk {
  /** The largest batch, before it is decoded. */
  readonly maxBodyBytes: number;
  /** Which pipe a push key opens, or the refusal. */
  identify(key: string | undefined): { readonly pipe: string } | DeskAnswer;
  knows(pipe: string, sessionId: string): boolean;
  openSession(pipe: string, body: unknown, clientIp: string | null): DeskAnswer | Promise<DeskAnswer>;
  heartbeat(pipe: string, sessionId: string, body: unknown): DeskAnswer | Promise<DeskAnswer>;
  position(pipe: string, sessionId: string): DeskAnswer | Promise<DeskAnswer>;
  ingest(pipe: string, sessionId: string, body: unknown): DeskAnswer | Promise<DeskAnswer>;
  closeSession(pipe: string, sessionId: string): DeskAnswer | Promise<DeskAnswer>;
  sentinelTask(pipe: string): DeskAnswer | Promise<DeskAnswer>;
  sentinelFeedback(pipe: string, body: unknown): DeskAnswer | Promise<DeskAnswer>;
  /** Why bytes must not be given to `JSON.parse`: too deep, or nearly nothing but brackets. */
  shapeProblem(json: Uint8Array): string | undefined;
  /** Takes from the budget of all bodies that are being received; false when it is used up. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What a receiver is opened with. */
export interface ReceiverContext<P extends DriverParams = DriverParams> {
  readonly id: string;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly params: P;
  readonly desk: ReceiverDesk;
  readonly logger: Logger;
}

export interface OpenReceiver {
  /** As an agent's sender takes it. */
  readonly url: string;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

/** A receiver driver as a value. A package exports it from the module that its `fustor.receivers` names. */
export interface ReceiverModule<S extends z.ZodObject = z.ZodObject> {
  readonly kind: "receiver";
  /** What the configuration of the embedded Fusion gives as `driver`. */
  readonly name: string;
  /** `driver_params`. Every message reads `what is wrong; what to do`. */
  readonly schema: S;
  /** Rejects when the port cannot be opened or a file is of no use; then nothing is left open. */
  open(context: ReceiverContext<z.output<S>>): Promise<OpenReceiver>;
}

/** Has the compiler check a module against its own schema. */
export const receiverModule = <S extends z.ZodObject>(module: ReceiverModule<S>): ReceiverModule<S> => module;
