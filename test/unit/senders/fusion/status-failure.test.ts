import { describe, expect, it } from "vitest";
import {
  parseRetryAfter,
  type Route,
  redirectTarget,
  refusalDetail,
  statusFailure,
} from "../../../../src/senders/fusion/status-failure.ts";

const failure = (route: Route, status: number, retryAfterMs?: number) =>
  statusFailure({ route, status, address: "far:8102", detail: "why", retryAfterMs });

const CASES: readonly (readonly [Route, number, string, boolean])[] = [
  ["create", 400, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["create", 404, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["create", 405, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["create", 409, "FUSTOR_SESSION_CONFLICT", true],
  ["create", 419, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["create", 422, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["heartbeat", 404, "FUSTOR_SESSION_LOST", false],
  ["heartbeat", 410, "FUSTOR_SESSION_LOST", false],
  ["heartbeat", 419, "FUSTOR_SESSION_LOST", false],
  ["heartbeat", 422, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["heartbeat", 413, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["ingest", 404, "FUSTOR_SESSION_LOST", false],
  ["ingest", 410, "FUSTOR_SESSION_LOST", false],
  ["ingest", 419, "FUSTOR_SESSION_LOST", false],
  ["ingest", 400, "FUSTOR_BATCH_REFUSED", false],
  ["ingest", 422, "FUSTOR_BATCH_REFUSED", false],
  ["ingest", 413, "FUSTOR_BATCH_TOO_LARGE", false],
  ["ingest", 409, "FUSTOR_SENDER_BAD_ANSWER", true],
  ["delete", 404, "FUSTOR_SESSION_LOST", false],
];

const EVERYWHERE: readonly (readonly [number, string])[] = [
  [301, "FUSTOR_SENDER_BAD_ANSWER"],
  [307, "FUSTOR_SENDER_BAD_ANSWER"],
  [401, "FUSTOR_SENDER_KEY_REFUSED"],
  [403, "FUSTOR_SENDER_KEY_REFUSED"],
  [408, "FUSTOR_SENDER_UNREACHABLE"],
  [418, "FUSTOR_SENDER_BAD_ANSWER"],
  [429, "FUSTOR_SENDER_BUSY"],
  [500, "FUSTOR_SENDER_UNREACHABLE"],
  [502, "FUSTOR_SENDER_UNREACHABLE"],
  [503, "FUSTOR_SENDER_UNREACHABLE"],
  [504, "FUSTOR_SENDER_UNREACHABLE"],
];

it.each(CASES)("%s with status %i is %s", (route, status, code, retryable) => {
  expect(failure(route, status)).toMatchObject({ code, retryable, details: { status, route } });
});

describe.each(["create", "heartbeat", "ingest", "delete"] as const)("on the route %s", (route) => {
  it.each(EVERYWHERE)("status %i is %s and worth another try", (status, code) => {
    expect(failure(route, status)).toMatchObject({ code, retryable: true });
  });
});

it("takes a 503 that says how long to wait as busy, not as trouble", () => {
  expect(failure("ingest", 503, 2000)).toMatchObject({ code: "FUSTOR_SENDER_BUSY", retryAfterMs: 2000 });
});

it("says who refused what, with the receiver's own words", () => {
  expect(failure("ingest", 422).message).toBe("far:8102 refuses the content of the batch (ingest, status 422): why");
});

it("hints at the wrong port when the session route is missing", () => {
  expect(failure("create", 404).message).toContain("not a Fusion receiver");
});

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

  it("stands in the message", () => {
    const answer = { route: "create", address: "a:1", status: 308, detail: "Moved", retryAfterMs: undefined } as const;
    expect(statusFailure({ ...answer, location: "https://f.example" }).message).toContain("to https://f.example");
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
