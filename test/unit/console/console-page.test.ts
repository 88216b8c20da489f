/** The program of the console, made anew: how large it is, what it would ask for, which words it has. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RateMeter } from "../../../src/console/web/rates.ts";
import { WORDS } from "../../../src/console/web/words.ts";

const MOST_BYTES = 120 * 1024;

test("all that a browser loads is at most 120 KB packed, and names no other place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fustor-page-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { buildPage } = (await import(String(new URL("../../../scripts/build-page.mjs", import.meta.url)))) as {
    buildPage(folder: string): Promise<readonly { name: string; bytes: number }[]>;
  };
  const files = await buildPage(folder);
  expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(MOST_BYTES);
  for (const { name } of files) {
    const text = await readFile(join(folder, name), "utf8");
    const addresses = [...text.matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([address]) => address);
    // Names of XML, which nothing asks for.
    expect(addresses.filter((each) => !each.startsWith("http://www.w3.org/"))).toEqual([]);
    expect(text).not.toMatch(/\beval\(|new Function\(/);
  }
});

test("both languages have the same words, with the same places for values", () => {
  expect(Object.keys(WORDS.zh)).toEqual(Object.keys(WORDS.en));
  const placesIn = (text: string) => [...new Set(text.match(/\{\d\}/g))].sort();
  for (const [word, text] of Object.entries(WORDS.en)) {
    const chinese = WORDS.zh[word as keyof typeof WORDS.zh];
    expect(placesIn(chinese), word).toEqual(placesIn(text));
    expect(chinese.trim(), word).not.toBe("");
  }
});

test("a rate is that of the last answers, and counters that begin anew give none", () => {
  const meter = new RateMeter();
  const pipe = (message: number) => [
    { id: "p", rowsSent: { message, snapshot: 0, audit: 0, on_demand_job: 0 }, bytesSent: message * 10 },
  ];
  meter.note(pipe(0), 0);
  expect(meter.of("p").rowsPerSecond).toBe(0);
  meter.note(pipe(500), 2000);
  expect(meter.of("p")).toEqual({ rowsPerSecond: 250, bytesPerSecond: 2500 });
  for (let at = 4000; at <= 20_000; at += 2000) meter.note(pipe(500), at);
  expect(meter.of("p").rowsPerSecond).toBe(0);
  meter.note(pipe(3), 22_000);
  expect([meter.of("p").rowsPerSecond, meter.total(), meter.of("gone").rowsPerSecond]).toEqual([0, 0, 0]);
});
