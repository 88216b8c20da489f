/** The text of `state/pipes.json`: what it may hold, and reading it whatever it holds. */

import { describeError } from "../../sdk/index.ts";
import type { Checkpoint, LeftState } from "../../sdk/state-store.ts";

/** 1 had sessions only; it is read as well. */
export const STATE_VERSION = 2;

export interface RememberedPipe {
  readonly pipe: string;
  readonly hostId: string;
  /** URI of the receiver that all of this is about. */
  readonly receiver: string;
  /** Absent when it was closed. */
  readonly session?: string;
  /** The run that opened it: session-owner.ts. */
  readonly owner?: string;
  /** Epoch milliseconds. */
  readonly lastGoodHeartbeat?: number;
  /** True = the last run led and had sent every audit that its take-over asked for. */
  readonly tookOver?: boolean;
  /** Rows of the last snapshot that was completed. */
  readonly snapshotRows?: number;
  /** Where the last run left the receiver, as far as everything was accepted. */
  readonly left?: LeftState;
  /** Up to where the receiver has everything, of the source that is named by a digest of what makes up its rows. */
  readonly checkpoint?: Checkpoint & { readonly source: string };
}

export interface RememberedSource {
  readonly hostId: string;
  /** What the source's root was, in the driver's own words. */
  readonly rootIdentity: string;
}

export interface StoredState {
  readonly pipes: Map<string, RememberedPipe>;
  /** By {@link sourceKey}. */
  readonly sources: Map<string, RememberedSource>;
}

export type Reading =
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "good"; readonly state: StoredState };

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

const isLeft = (value: unknown): value is LeftState =>
  isObject(value) &&
  typeof value.session === "string" &&
  typeof value.generation === "string" &&
  (value.earlier === undefined || typeof value.earlier === "string");

const isCheckpoint = (value: unknown): value is NonNullable<RememberedPipe["checkpoint"]> =>
  isObject(value) && typeof value.position === "string" && isIndex(value.index) && typeof value.source === "string";

const isIndex = (value: unknown): boolean => Number.isSafeInteger(value);

function pipeOf(value: unknown): RememberedPipe | undefined {
  if (!isObject(value)) return undefined;
  const { pipe, hostId, receiver, session, owner, lastGoodHeartbeat, tookOver, snapshotRows, left, checkpoint } = value;
  if (typeof pipe !== "string" || typeof hostId !== "string" || typeof receiver !== "string") return undefined;
  return {
    pipe,
    hostId,
    receiver,
    ...(typeof session === "string" ? { session } : {}),
    ...(typeof owner === "string" ? { owner } : {}),
    ...(isCount(lastGoodHeartbeat) ? { lastGoodHeartbeat } : {}),
    ...(typeof tookOver === "boolean" ? { tookOver } : {}),
    ...(isCount(snapshotRows) ? { snapshotRows } : {}),
    ...(isLeft(left) ? { left } : {}),
    ...(isCheckpoint(checkpoint) ? { checkpoint } : {}),
  };
}

function sourceOf(value: unknown): RememberedSource | undefined {
  if (!isObject(value)) return undefined;
  const { hostId, rootIdentity } = value;
  return typeof hostId === "string" && typeof rootIdentity === "string" ? { hostId, rootIdentity } : undefined;
}

/** What is of the wrong shape is left out, the rest stays. */
function usable<T>(members: Members, read: (value: unknown) => T | undefined): Map<string, T> {
  const entries = new Map<string, T>();
  for (const [name, value] of Object.entries(members)) {
    const entry = read(value);
    if (entry !== undefined) entries.set(name, entry);
  }
  return entries;
}

const unusable = (reason: string): Reading => ({ kind: "unusable", reason });

/** For any text whatever. */
export function parseState(text: string): Reading {
  if (text.trim() === "") return unusable("it is empty");
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    return unusable(`it is no JSON: ${describeError(error)}`);
  }
  if (!isObject(document)) return unusable("it is no JSON object");
  const { version, pipes, sources } = document;
  if (version !== STATE_VERSION && version !== 1) {
    return unusable(`its version is ${JSON.stringify(version)}, not ${STATE_VERSION}`);
  }
  if (!isObject(pipes)) return unusable("it has no pipes");
  const known = isObject(sources) ? sources : {};
  return { kind: "good", state: { pipes: usable(pipes, pipeOf), sources: usable(known, sourceOf) } };
}

export const formatState = ({ pipes, sources }: StoredState): string =>
  `${JSON.stringify({ version: STATE_VERSION, pipes: Object.fromEntries(pipes), sources: Object.fromEntries(sources) }, null, 2)}\n`;
