import { describe, expect, it } from "vitest";
import { parseRetryAfter, redirectTarget, refusalDetail } from "../../../../src/sdk/http/refusal.ts";

describe("the target of a redirect", () => {
  const from = new URL("http://fusion.example:8102/base/api/v1/pipe/session/");
  const route = "/api/v1/pipe/session/";

  it.each([
    ["https://fusion.example/base/api/v1/pipe/session/", "https://fusion.example/base"],
    ["/api/v1/pipe/session/", "http://fusion.example:8102"],
    ["https://me:secret@login.example/in?token=secret#secret", "https://login.example/in"],
    ["javascript:alert(1)", undefined],
    ["http://[", undefined],
    [undefined, undefined],
  ])("of %j is told as %s", (location, expected) => {
    expect(redirectTarget(location, from, route)).toBe(expected);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("Tue, 01 Jul 2025 12:00:00 GMT");

  it.each([
    ["3", 3000],
    [" 0 ", 0],
    ["Tue, 01 Jul 2025 12:00:07 GMT", 7000],
    ["Tue, 01 Jul 2025 11:00:00 GMT", 0],
    ["99999999", 300_000],
    ["1e20", undefined],
    ["9".repeat(400), 300_000],
    ["Wed, 01 Jul 2026 12:00:00 GMT", 300_000],
    ["soon", undefined],
    [undefined, undefined],
  ])("of %j means %s ms", (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});

describe("the detail of a refusal", () => {
  const keep = (text: string): string => text;

  it("is the member detail of a JSON answer", () => {
    expect(refusalDetail('{"detail": "Invalid API key"}', keep)).toBe("Invalid API key");
  });

  it("names place and reason of each entry of a validation report", () => {
    const detail = [
      { loc: ["body", "events", 0, "index"], msg: "Input should be a valid integer", input: "x" },
      { loc: ["body", "events", 3, "rows"], msg: "Field required" },
    ];
    expect(refusalDetail(JSON.stringify({ detail }), keep)).toBe(
      "body.events.0.index: Input should be a valid integer; body.events.3.rows: Field required",
    );
  });

  it("is the text itself when the answer is no JSON, on one line", () => {
    expect(refusalDetail("<html>\n  Bad\u0007 Gateway\r\n</html>\n", keep)).toBe("<html> Bad Gateway </html>");
  });

  it("has at most 200 characters", () => {
    expect(refusalDetail("x".repeat(100_000), keep)).toHaveLength(200);
  });

  it("is cut only after the secrets were taken out", () => {
    const secret = "0123456789abcdef";
    const hidden = refusalDetail(`${"x".repeat(195)}${secret}`, (text) => text.replaceAll(secret, "…"));
    expect(hidden).toBe(`${"x".repeat(195)}…`);
  });
});
