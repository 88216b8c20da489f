/** What `fusion keys` prints. Pure. */
import { type KeyRecord, stateOf } from "../../fusion/keys/key-record.ts";
import { timeText } from "../../fusion/keys/moment.ts";
import { formatTable, printable } from "../table.ts";

const minutes = (seconds: number): string => timeText(seconds).slice(0, 16).replace("T", " ");

function stateText(key: KeyRecord, now: number): string {
  const state = stateOf(key, now);
  if (state === "revoked") return `revoked ${minutes(key.revoked ?? 0)}`;
  return key.replacedBy === null ? state : `${state}, rotated to ${key.replacedBy}`;
}

/** `UTC` stands in the header: columns stay narrow. */
export function keyTable(keys: readonly KeyRecord[], uses: ReadonlyMap<string, number>, now: number): string {
  const rows = keys.map((key) => {
    const used = uses.get(key.id);
    return [
      key.id,
      `${key.scope} ${printable(key.target)}`,
      key.name === null ? "-" : printable(key.name),
      stateText(key, now),
      minutes(key.created),
      key.expires === null ? "never" : minutes(key.expires),
      used === undefined ? "never" : minutes(used),
    ];
  });
  return formatTable(["ID", "MAY", "NAME", "STATE", "MADE (UTC)", "EXPIRES (UTC)", "LAST USE (UTC)"], rows);
}

/** For programs; neither hash nor salt. */
export function keyFacts(key: KeyRecord, used: number | undefined, now: number): object {
  const { id, scope, target, name, created, expires, revoked, replacedBy } = key;
  const time = (seconds: number | null | undefined): string | null => (seconds == null ? null : timeText(seconds));
  return {
    id,
    scope,
    target,
    name,
    state: stateOf(key, now),
    created: time(created),
    expires: time(expires),
    revoked: time(revoked),
    replaced_by: replacedBy,
    last_use: time(used),
  };
}
