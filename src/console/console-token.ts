/**
 * The word that opens the whole status page: any local user reaches a port of loopback, but only the owner reads the home. A new one with
 * each run, so that what saw an old one knows nothing.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { rm } from "node:fs/promises";
import { writeDurably } from "../agent/durable-file.ts";

export interface ConsoleToken {
  readonly text: string;
  /** Removes the file. */
  dispose(): Promise<void>;
}

export async function makeConsoleToken(file: string): Promise<ConsoleToken> {
  const text = randomBytes(24).toString("base64url");
  await writeDurably(file, `${text}\n`);
  return { text, dispose: () => rm(file, { force: true }) };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** In a time that tells nothing. */
export const isSameToken = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token));
