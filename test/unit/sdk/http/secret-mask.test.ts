import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskOf } from "../../../../src/sdk/http/secret-mask.ts";

const KEY = "s3cr3t-Key/with+odd=parts";
const mask = maskOf([KEY], "[key]");

const hex = (text: string): string => Buffer.from(text).toString("hex");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const each = (text: string, form: (code: number) => string): string =>
  [...text].map((character) => form(character.charCodeAt(0))).join("");

describe("a key that the receiver repeats", () => {
  it.each([
    ["as it is", KEY],
    ["in capitals", KEY.toUpperCase()],
    ["in Base64", base64(KEY)],
    ["in Base64 behind a user", base64(`user:${KEY}`)],
    ["in Base64 between others", base64(`a=1&key=${KEY}&b=2`)],
    ["in Base64 for URLs", Buffer.from(`ab${KEY}`).toString("base64url")],
    ["percent-encoded", encodeURIComponent(KEY)],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(KEY))],
    ["percent-encoded as a whole", each(KEY, (code) => `%${code.toString(16)}`)],
    ["in hexadecimal", hex(KEY)],
    ["in hexadecimal capitals", hex(KEY).toUpperCase()],
    ["in hexadecimal with colons", (hex(KEY).match(/../g) ?? []).join(":")],
    ["in entities of HTML", each(KEY, (code) => `&#${code};`)],
    ["in hexadecimal entities", each(KEY, (code) => `&#x${code.toString(16)};`)],
    ["in escapes of JSON", each(KEY, (code) => `\\u${code.toString(16).padStart(4, "0")}`)],
    ["with escaped slashes", KEY.replace("/", "\\/")],
  ])("is hidden %s", (_form, echoed) => {
    expect(mask(`you sent <${echoed}>!`)).toBe("you sent <[key]>!".replace("[key]", mask(echoed)));
    expect(mask(echoed)).toContain("[key]");
    expect(mask(echoed).replace("[key]", "").length).toBeLessThan(echoed.length - KEY.length + 4);
  });

  it("is hidden wherever it stands in a Base64 text, whatever the key is", () => {
    const character = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
    const key = fc.array(character, { minLength: 6, maxLength: 60 }).map((characters) => characters.join(""));
    fc.assert(
      fc.property(key, fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (secret, before, after) => {
        const hide = maskOf([secret], "*");
        const text = Buffer.from(before + secret + after, "utf8").toString("base64");
        return hide(text) !== text && hide(encodeURIComponent(secret)) === "*" && hide(secret) === "*";
      }),
    );
  });

  it("costs no time on long texts that come near it", () => {
    const begin = performance.now();
    mask("s3cr3t-Key/with+odd=part".repeat(40_000));
    mask("%25".repeat(300_000));
    mask("\\".repeat(100_000));
    expect(performance.now() - begin).toBeLessThan(5_000);
  });
});

it("a text too short to be a secret is taken out of nothing", () => {
  expect(maskOf(["o", "nob"], "[key]")("the doorknob")).toBe("the doorknob");
});
