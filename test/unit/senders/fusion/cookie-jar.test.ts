import { expect, it } from "vitest";
import { CookieJar } from "../../../../src/senders/fusion/cookie-jar.ts";

const ORIGIN = { host: "fusion.example", isTls: true, basePath: "/base" };
const PATH = "/base/api/v1/pipe/session/";

function jarOf(...lines: string[]): CookieJar {
  const jar = new CookieJar(ORIGIN, () => 1_000_000);
  jar.take(lines, "/api/v1/pipe/session/");
  return jar;
}

it.each([
  ["a=1; Path=/", "a=1"],
  ["a=1; Path=/base", "a=1"],
  ["a=1; Path=/bas", undefined],
  ["a=1; Path=/base/api/v1/pipe/session/", "a=1"],
  ["a=1", "a=1"],
  ["a=1; Path=/; Domain=fusion.example", "a=1"],
  ["a=1; Path=/; Domain=.example", "a=1"],
  ["a=1; Path=/; Domain=evil.example", undefined],
  ["a=1; Path=/; Secure; HttpOnly; SameSite=None", "a=1"],
  ["a=1; Path=/; Max-Age=1", "a=1"],
  ["a=1; Path=/; Max-Age=0", undefined],
  ["a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT", undefined],
  ["a=1; Path=/; Expires=Thu, 01 Jan 1970 01:00:01 GMT", "a=1"],
  ["a=1; Path=/; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "a=1"],
  ['a="q w"; Path=/', 'a="q w"'],
  ["a=; Path=/", "a="],
  ["=1; Path=/", undefined],
  ["no pair", undefined],
  ["a b=1; Path=/", undefined],
  ["a=1\u0000; Path=/", undefined],
  [`a=${"x".repeat(5_000)}; Path=/`, undefined],
])("of %j a request carries %s", (line, expected) => {
  expect(jarOf(line).header(PATH)).toBe(expected);
});

it("keeps the last value of a name and path, and lets one go when it is taken back", () => {
  const jar = jarOf("a=1; Path=/", "a=2; Path=/", "b=3; Path=/");
  expect(jar.header(PATH)).toBe("a=2; b=3");
  jar.take("a=; Path=/; Max-Age=0", "/");
  expect(jar.header(PATH)).toBe("b=3");
});

it("tells the nearest path first", () => {
  expect(jarOf("a=far; Path=/", "a=near; Path=/base/api").header(PATH)).toBe("a=near; a=far");
});

it("ends a cookie at its time", () => {
  let now = 1_000_000;
  const jar = new CookieJar(ORIGIN, () => now);
  jar.take("a=1; Path=/; Max-Age=10", "/");
  expect(jar.header(PATH)).toBe("a=1");
  now += 10_000;
  expect(jar.header(PATH)).toBeUndefined();
});

it("takes no secure cookie over plain http, and of a host that is an address none for a domain", () => {
  const plain = new CookieJar({ ...ORIGIN, isTls: false });
  plain.take("a=1; Path=/; Secure", "/");
  expect(plain.header(PATH)).toBeUndefined();
  const address = new CookieJar({ ...ORIGIN, host: "10.0.0.1" });
  address.take(["a=1; Path=/; Domain=0.0.1", "b=1; Path=/; Domain=10.0.0.1"], "/");
  expect(address.header(PATH)).toBe("b=1");
});

it("never makes a request larger than 4 KiB of cookies", () => {
  const jar = jarOf(...Array.from({ length: 1_000 }, (_, i) => `c${i}=${"x".repeat(300)}; Path=/`));
  expect(jar.header(PATH)?.length).toBeLessThanOrEqual(4_096);
});
