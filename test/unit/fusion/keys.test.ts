import { describe, expect, test } from "vitest";
import { KeyRing } from "../../../src/fusion/api-keys.ts";
import { demoFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { keyOf, withKey, withRevoked, withRotated } from "../../../src/fusion/keys/key-changes.ts";
import { type KeyRecord, keysOfText, stateOf, textOfKeys } from "../../../src/fusion/keys/key-record.ts";
import { KeyRegistry } from "../../../src/fusion/keys/key-registry.ts";
import { idOfKey, isKeyOf, makeKey } from "../../../src/fusion/keys/key-text.ts";
import { momentOf } from "../../../src/fusion/keys/moment.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z") / 1000;
const DAY = 86_400;
const PUSH = { scope: "push", target: "p", name: "site a", expires: null } as const;
const READ = { scope: "read", target: "v", name: null, expires: null } as const;
const fresh = () => makeKey(() => false);

describe("the text of a key", () => {
  test("holds its id, opens by itself alone, and does not stand in what is kept of it", () => {
    const [one, other] = [fresh(), fresh()];
    expect(one.text).toMatch(/^fk_[0-9a-z]{8}_[\w-]{43}$/);
    expect(idOfKey(one.text)).toBe(one.id);
    expect(isKeyOf(one.text, one)).toBe(true);
    expect(isKeyOf(other.text, one)).toBe(false);
    expect(isKeyOf(`${one.text.slice(0, -1)}${one.text.endsWith("A") ? "B" : "A"}`, one)).toBe(false);
    expect(textOfKeys(withKey([], PUSH, one, NOW))).not.toContain(one.text.slice(12));
  });

  test("two keys with one secret would have different hashes", () => {
    const [one, other] = [fresh(), fresh()];
    expect(one.salt).not.toBe(other.salt);
    expect(isKeyOf(one.text, { ...one, salt: other.salt })).toBe(false);
  });

  test("an id that is taken is not used again", () => {
    const refused: string[] = [];
    const made = makeKey((id) => refused.length < 3 && refused.push(id) > 0);
    expect(refused).toHaveLength(3);
    expect(refused).not.toContain(made.id);
  });

  test.each([
    "",
    "fk_",
    "PUSH_KEY",
    "fk_abcdefgh_short",
    `fk_ABCDEFGH_${"a".repeat(43)}`,
    `fk_abcdefgh_${"a".repeat(44)}`,
  ])("%j is none", (text) => expect(idOfKey(text)).toBeUndefined());
});

describe("changes", () => {
  test("a rotation ends the old key at a stated time and hands its scope on", () => {
    const [first, second] = [fresh(), fresh()];
    const keys = withRotated(withKey([], PUSH, first, NOW), first.id, second, {
      expires: NOW + 90 * DAY,
      oldUntil: NOW + DAY,
      now: NOW,
    });
    expect(keyOf(keys, first.id)).toMatchObject({ expires: NOW + DAY, revoked: null, replacedBy: second.id });
    expect(keyOf(keys, second.id)).toMatchObject({ ...PUSH, expires: NOW + 90 * DAY, replacedBy: null });
    expect(stateOf(keyOf(keys, first.id), NOW + DAY - 1)).toBe("valid");
    expect(stateOf(keyOf(keys, first.id), NOW + DAY)).toBe("expired");
  });

  test("a rotation lengthens no key", () => {
    const [first, second] = [fresh(), fresh()];
    const short = withKey([], { ...PUSH, expires: NOW + 60 }, first, NOW);
    const keys = withRotated(short, first.id, second, { expires: null, oldUntil: NOW + DAY, now: NOW });
    expect(keyOf(keys, first.id).expires).toBe(NOW + 60);
  });

  test("what was rotated, revoked or expired is not rotated", () => {
    const [first, second] = [fresh(), fresh()];
    const keys = withKey([], { ...PUSH, expires: NOW + 60 }, first, NOW);
    const rotate = (from: readonly KeyRecord[], now: number) =>
      withRotated(from, first.id, second, { expires: null, oldUntil: now + 30, now });
    expect(() => rotate(rotate(keys, NOW), NOW)).toThrow(`rotated already: rotate ${second.id}`);
    expect(() => rotate(withRevoked(keys, first.id, NOW), NOW)).toThrow("is revoked");
    expect(() => rotate(keys, NOW + 60)).toThrow("is expired");
    expect(() => rotate([], NOW)).toThrow("fusion keys list");
  });

  test("a revoked key keeps the time at which it was revoked", () => {
    const made = fresh();
    const keys = withRevoked(withKey([], PUSH, made, NOW), made.id, NOW + 1);
    expect(keyOf(withRevoked(keys, made.id, NOW + 9), made.id).revoked).toBe(NOW + 1);
  });

  test("what ended 90 days ago is forgotten with the next key", () => {
    const [old, lasting, next] = [fresh(), fresh(), fresh()];
    const keys = withRevoked(withKey(withKey([], PUSH, old, NOW), READ, lasting, NOW), old.id, NOW);
    const ids = (at: number) => withKey(keys, READ, next, at).map(({ id }) => id);
    expect(ids(NOW + 89 * DAY)).toEqual([old.id, lasting.id, next.id]);
    expect(ids(NOW + 91 * DAY)).toEqual([lasting.id, next.id]);
  });
});

describe("the file", () => {
  test("is read as it was written", () => {
    const made = fresh();
    const all = withRevoked(
      withKey(withKey([], { ...PUSH, expires: NOW + 9 }, made, NOW), READ, fresh(), NOW),
      made.id,
      NOW,
    );
    expect(keysOfText(textOfKeys(all), "keys.json")).toEqual(all);
  });

  test.each([
    ["", "is damaged"],
    ["{", "is damaged"],
    ["[]", "is damaged"],
    ['{"version": 2}', "was written by a newer version"],
    ['{"version": 1, "keys": [{}]}', "keys.0"],
    [textOfKeys(withKey([], PUSH, fresh(), NOW)).replace('"push"', '"all"'), "keys.0.scope"],
    [textOfKeys(withKey([], PUSH, fresh(), NOW)).replace("2026", "20x6"), "keys.0.created"],
  ])("%j is refused with its name and a cure", (text, what) => {
    expect(() => keysOfText(text, "/home/keys.json")).toThrow(/^\/home\/keys\.json .*fusion keys create$/);
    expect(() => keysOfText(text, "/home/keys.json")).toThrow(what);
  });

  test("an id that stands twice is refused", () => {
    const [key] = withKey([], PUSH, fresh(), NOW);
    if (key === undefined) throw new Error("unreachable: there is a key");
    expect(() => keysOfText(textOfKeys([key, key]), "f")).toThrow("twice");
  });
});

describe("in a running Fusion", () => {
  const config = demoFusionConfig({ pushKey: "push", readKey: "read", pipe: "p", view: "v" });
  const [receiver] = config.receivers.values();
  if (receiver === undefined) throw new Error("unreachable: there is a receiver");

  test("a key opens what it was made for, and nothing else", () => {
    const registry = new KeyRegistry(() => NOW);
    const ring = new KeyRing(config, registry);
    const [push, read, strange] = [fresh(), fresh(), fresh()];
    const all = withKey(withKey([], PUSH, push, NOW), READ, read, NOW);
    registry.replace(withKey(all, { ...PUSH, target: "gone" }, strange, NOW));
    expect(ring.pipeOf(push.text, receiver)).toBe("p");
    expect(ring.ownerOf(push.text)).toEqual({ kind: "pipe", id: "p" });
    expect(ring.mayRead(push.text, "v")).toBe(false);
    expect(ring.mayRead(read.text, "v")).toBe(true);
    expect(ring.mayRead(read.text, "other")).toBe(false);
    expect(ring.pipeOf(read.text, receiver)).toBeUndefined();
    expect(ring.pipeOf(push.text, { ...receiver, id: "other" })).toBeUndefined();
    expect(ring.ownerOf(strange.text)).toBeUndefined();
    expect([ring.pipeOf("push", receiver), ring.mayRead("read", "v")]).toEqual(["p", true]);
    expect(new KeyRing(config).ownerOf(push.text)).toBeUndefined();
  });

  test("a key that was ended opens nothing, although the configuration holds it, too", () => {
    const [push, read] = [fresh(), fresh()];
    const written = demoFusionConfig({ pushKey: push.text, readKey: read.text, pipe: "p", view: "v" });
    const [there] = written.receivers.values();
    if (there === undefined) throw new Error("unreachable: there is a receiver");
    const registry = new KeyRegistry(() => NOW);
    const ring = new KeyRing(written, registry);
    const opened = () => [
      ring.pipeOf(push.text, there),
      ring.ownerOf(push.text)?.id,
      ring.mayRead(read.text, "v"),
      ring.ownerOf(read.text)?.id,
    ];
    const keys = withKey(withKey([], PUSH, push, NOW), { ...READ, expires: NOW }, read, NOW - 1);
    expect(opened()).toEqual(["p", "p", true, "v"]);
    registry.replace(withRevoked(keys, push.id, NOW));
    expect(opened()).toEqual([undefined, undefined, false, undefined]);
  });

  test("revoked and expired keys are refused, told of once and never by themselves", () => {
    let now = NOW;
    const told: string[] = [];
    const registry = new KeyRegistry(() => now);
    registry.onRefused = (...what) => told.push(what.join(" "));
    const made = fresh();
    const keys = withKey([], { ...PUSH, expires: NOW + 60 }, made, NOW);
    registry.replace(keys);
    expect(registry.find(made.text)?.id).toBe(made.id);
    expect([...registry.lastUses]).toEqual([[made.id, NOW]]);
    now = NOW + 60;
    expect([registry.find(made.text), registry.find(made.text)]).toEqual([undefined, undefined]);
    expect(told).toEqual([`${made.id} expired`]);
    now = NOW;
    registry.replace(withRevoked(keys, made.id, NOW));
    expect(registry.find(made.text)).toBeUndefined();
    expect(told).toEqual([`${made.id} expired`, `${made.id} revoked`]);
    // Who guesses an id learns nothing from the log either.
    expect(registry.find(`fk_${made.id}_${"a".repeat(43)}`)).toBeUndefined();
    expect(told).toHaveLength(2);
    expect([...registry.lastUses]).toEqual([[made.id, NOW]]);
  });
});

test.each([
  ["90d", NOW + 90 * DAY],
  ["12h", NOW + 12 * 3600],
  ["30m", NOW + 1800],
  ["0s", NOW],
  ["now", NOW],
  ["2027-01-31", Date.parse("2027-01-31T00:00:00Z") / 1000],
  ["2027-01-31T18:00Z", Date.parse("2027-01-31T18:00:00Z") / 1000],
  ["2027-02-30", undefined],
  ["2027-01-31T18:00", undefined],
  ["soon", undefined],
  ["9w", undefined],
  ["", undefined],
])("%s as a moment", (text, moment) => expect(momentOf(text, NOW)).toBe(moment));
