/**
 * Keys that `fustor-agent fusion keys` makes: `fk_<id>_<secret>`. The id finds the record and is no secret; the secret has
 * 256 bits, so one round of a keyed hash is enough to keep it from who reads the file.
 */
import { createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

const LETTERS = "0123456789abcdefghijkmnpqrstuvwxyz";
const ID_LENGTH = 8;
const SECRET_BYTES = 32;
const SALT_BYTES = 16;
const KEY = /^fk_([0-9a-z]{8})_[A-Za-z0-9_-]{43}$/;

export interface MadeKey {
  readonly id: string;
  /** The whole key. Nobody keeps it but who gets it. */
  readonly text: string;
  readonly salt: string;
  readonly hash: string;
}

/** With an id that is not taken. */
export function makeKey(isTaken: (id: string) => boolean): MadeKey {
  let id = randomId();
  while (isTaken(id)) id = randomId();
  const text = `fk_${id}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  const salt = randomBytes(SALT_BYTES).toString("hex");
  return { id, text, salt, hash: hashOf(text, salt) };
}

/** The id in a text of that form; undefined for any other text. */
export const idOfKey = (text: string): string | undefined => KEY.exec(text)?.[1];

/** Takes as long for a wrong key as for the right one. */
export const isKeyOf = (text: string, { salt, hash }: Pick<MadeKey, "salt" | "hash">): boolean =>
  timingSafeEqual(Buffer.from(hashOf(text, salt), "hex"), Buffer.from(hash, "hex"));

const hashOf = (text: string, salt: string): string =>
  createHmac("sha256", Buffer.from(salt, "hex")).update(text).digest("hex");

const randomId = (): string => Array.from({ length: ID_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join("");
