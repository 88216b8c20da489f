import { describe, expect, test } from "vitest";
import { wireName } from "../../support/wire-name.ts";

const encode = (...bytes: number[]): string => wireName(Uint8Array.from(bytes));
const encodeText = (text: string): string => wireName(Buffer.from(text, "utf8"));

describe("the tests' own encoding of names", () => {
  test("valid UTF-8 of every length stays as it is", () => {
    const name = "a\u00e9\u20ac\u{1F600}\ufffd\ufeff\n";
    expect(encodeText(name)).toBe(name);
  });

  test("a mark that is really there is doubled", () => {
    expect(encodeText("\u201bFF")).toBe("\u201b\u201bFF");
  });

  test("each byte of an invalid sequence is escaped by itself", () => {
    expect(encode(0x61, 0xff)).toBe("a\u201bFF");
    expect(encode(0xe2, 0x80)).toBe("\u201bE2\u201b80");
    expect(encode(0xe2, 0x80, 0x41)).toBe("\u201bE2\u201b80A");
  });

  test("surrogates, overlong forms and points beyond the last one are invalid", () => {
    expect(encode(0xed, 0xa0, 0x80)).toBe("\u201bED\u201bA0\u201b80");
    expect(encode(0xc0, 0xaf)).toBe("\u201bC0\u201bAF");
    expect(encode(0xf4, 0x90, 0x80, 0x80)).toBe("\u201bF4\u201b90\u201b80\u201b80");
  });
});
