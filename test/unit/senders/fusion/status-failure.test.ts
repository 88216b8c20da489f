import { describe, expect, it } from "vitest";
import { type Route, statusFailure } from "../../../../src/senders/fusion/status-failure.ts";

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

it("names the target of a redirect in the message", () => {
  const answer = { route: "create", address: "a:1", status: 308, detail: "Moved", retryAfterMs: undefined } as const;
  expect(statusFailure({ ...answer, location: "https://f.example" }).message).toContain("to https://f.example");
});
