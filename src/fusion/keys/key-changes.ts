/** What becomes of the registry by a command. Pure: the clock and the new key come from outside. */
import { FustorError } from "../../sdk/errors.ts";
import { type KeyRecord, type KeyScope, stateOf } from "./key-record.ts";
import type { MadeKey } from "./key-text.ts";

export interface WantedKey {
  readonly scope: KeyScope;
  readonly target: string;
  readonly name: string | null;
  readonly expires: number | null;
}

type Keys = readonly KeyRecord[];

/** How long the list shows keys that are expired or revoked. */
const REMEMBERED_SECONDS = 90 * 86_400;
/** The file is read as a whole. */
const MOST_KEYS = 10_000;

export function withKey(keys: Keys, wanted: WantedKey, made: MadeKey, now: number): Keys {
  const remembered = keys.filter((key) => isRemembered(key, now));
  if (remembered.length >= MOST_KEYS) throw refused(`there are ${MOST_KEYS} keys already; revoke what is not used`);
  return [...remembered, recordOf(wanted, made, now)];
}

/** A key that was revoked stays so. */
export function withRevoked(keys: Keys, id: string, now: number): Keys {
  const key = keyOf(keys, id);
  return key.revoked === null ? replaced(keys, { ...key, revoked: now }) : keys;
}

/**
 * The new key has the scope, target and name of the old one, which ends at `oldUntil` at the latest. Sessions belong to
 * pipes and not to keys, so an agent goes on in its session with the new one.
 */
export function withRotated(
  keys: Keys,
  id: string,
  made: MadeKey,
  { expires, oldUntil, now }: { readonly expires: number | null; readonly oldUntil: number; readonly now: number },
): Keys {
  const old = keyOf(keys, id);
  const state = stateOf(old, now);
  if (state !== "valid")
    throw refused(`the key ${id} is ${state}: make a new one with fustor-agent fusion keys create`);
  if (old.replacedBy !== null) {
    throw refused(`the key ${id} was rotated already: rotate ${old.replacedBy}, which took its place`);
  }
  const ends = Math.min(old.expires ?? oldUntil, oldUntil);
  const wanted = { scope: old.scope, target: old.target, name: old.name, expires };
  return withKey(replaced(keys, { ...old, expires: ends, replacedBy: made.id }), wanted, made, now);
}

export function keyOf(keys: Keys, id: string): KeyRecord {
  const key = keys.find((each) => each.id === id);
  if (key === undefined) throw refused(`there is no key ${id}: fustor-agent fusion keys list shows their ids`);
  return key;
}

const recordOf = (wanted: WantedKey, { id, salt, hash }: MadeKey, now: number): KeyRecord => ({
  id,
  ...wanted,
  salt,
  hash,
  created: now,
  revoked: null,
  replacedBy: null,
});

const isRemembered = ({ expires, revoked }: KeyRecord, now: number): boolean =>
  (revoked ?? expires ?? Number.POSITIVE_INFINITY) > now - REMEMBERED_SECONDS;

const replaced = (keys: Keys, changed: KeyRecord): Keys => keys.map((key) => (key.id === changed.id ? changed : key));

const refused = (message: string): FustorError => new FustorError("FUSTOR_CONFIG_INVALID", message);
