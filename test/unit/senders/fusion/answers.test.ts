import { describe, expect, it } from "vitest";
import {
  clockSkew,
  invitesGzip,
  parseMembers,
  readAcknowledgement,
  readHeartbeat,
  readPosition,
  readSession,
} from "../../../../src/senders/fusion/answers.ts";

const code = (value: string) => expect.objectContaining({ code: value });

describe("the answer to a session request", () => {
  it("gives the session, with the intervals that override ours", () => {
    const members = {
      session_id: "s",
      role: "leader",
      session_timeout_seconds: 12.5,
      audit_interval_sec: 600,
      sentinel_interval_sec: 0,
    };
    expect(readSession(members, "x", undefined)).toEqual({
      sessionId: "s",
      role: "leader",
      sessionTimeoutMs: 12_500,
      auditIntervalMs: 600_000,
      sentinelIntervalMs: 0,
    });
  });

  it("keeps our intervals when the receiver's are null", () => {
    const session = readSession({ session_id: "s", audit_interval_sec: null, sentinel_interval_sec: null }, "x", 1);
    expect(session).not.toHaveProperty("auditIntervalMs");
    expect(session).not.toHaveProperty("sentinelIntervalMs");
  });

  it("makes a follower of whoever got no role", () => {
    expect(readSession({ session_id: "s" }, "x", undefined).role).toBe("follower");
  });

  it.each([
    [undefined, undefined, 30_000],
    [undefined, 45, 45_000],
    [0, 45, 45_000],
    ["60", undefined, 30_000],
    [-3, undefined, 30_000],
    [1e300, undefined, 2 ** 31 - 1],
  ])("with timeout %s after asking for %s means %s ms", (granted, asked, expected) => {
    expect(readSession({ session_id: "s", session_timeout_seconds: granted }, "x", asked).sessionTimeoutMs).toBe(
      expected,
    );
  });

  it.each([
    [0.001, 5_000],
    [4.9, 5_000],
    [7, 7_000],
    [0, 0],
  ])("has the sentinel asked every %s s no sooner than %s ms", (told, expected) => {
    const session = readSession({ session_id: "s", sentinel_interval_sec: told }, "x", undefined);
    expect(session.sentinelIntervalMs).toBe(expected);
  });

  it("of a timeout below a second has no more than one heartbeat a second", () => {
    const of = (seconds: number) =>
      readSession({ session_id: "s", session_timeout_seconds: seconds }, "x", undefined).leastHeartbeatMs;
    expect([of(0.01), of(0.3), of(1), of(30)]).toEqual([1_000, 1_000, undefined, undefined]);
  });

  it.each(["x".repeat(257), "a b", "a\nb", "a\u00e9", "x".repeat(100_000)])(
    "refuses an odd or endless id",
    (session_id) => {
      expect(() => readSession({ session_id }, "x", undefined)).toThrow(code("FUSTOR_SENDER_BAD_ANSWER"));
      expect(readSession({ session_id: "../../x%0d" }, "x", undefined).sessionId).toBe("../../x%0d");
    },
  );

  it.each([{}, { session_id: "" }, { session_id: 7 }])("without a session id is a bad answer: %j", (members) => {
    expect(() => readSession(members, "x", undefined)).toThrow(code("FUSTOR_SENDER_BAD_ANSWER"));
  });
});

describe("the answer to a heartbeat", () => {
  it("gives the role, the commands as they came and the wish for a snapshot", () => {
    const scan = { type: "scan", path: "/d", job_id: "j" };
    const members = { status: "ok", role: "follower", commands: [scan], snapshot_needed: true };
    expect(readHeartbeat(members, "x", "leader")).toEqual({ role: "follower", commands: [scan], snapshotNeeded: true });
  });

  it("leaves the role as it was when it names none", () => {
    expect(readHeartbeat({ status: "ok" }, "x", "leader").role).toBe("leader");
    expect(readHeartbeat({ status: "ok", role: null }, "x", "follower").role).toBe("follower");
  });

  it("drops commands that are no objects with a type", () => {
    const commands = [null, 1, "scan", {}, { type: 1 }, { type: "later" }];
    expect(readHeartbeat({ status: "ok", commands }, "x", "leader").commands).toEqual([{ type: "later" }]);
    expect(readHeartbeat({ status: "ok", commands: "scan" }, "x", "leader").commands).toEqual([]);
  });

  it("with the status error means that the session is lost", () => {
    expect(() => readHeartbeat({ status: "error" }, "x", "leader")).toThrow(code("FUSTOR_SESSION_LOST"));
  });
});

describe("the answer to a batch", () => {
  it.each([
    [{ status: "ok" }, false],
    [{ status: "ok", snapshot_needed: false }, false],
    [{ status: "ok", snapshot_needed: "yes" }, false],
    [{ snapshot_needed: true }, true],
  ])("%j asks for a snapshot: %s", (members, expected) => {
    expect(readAcknowledgement(members, "x")).toEqual({ snapshotNeeded: expected });
  });

  it("with the status error is no acknowledgement", () => {
    expect(() => readAcknowledgement({ status: "error" }, "x")).toThrow(code("FUSTOR_SENDER_BAD_ANSWER"));
  });
});

describe("the position", () => {
  it.each([
    ['{"index": 1790000000123}', 1_790_000_000_123],
    ['{"index": 0}', undefined],
    ['{"index": -1}', undefined],
    ['{"index": 1.5}', undefined],
    ['{"index": "12"}', undefined],
    ["{}", undefined],
    ["12", undefined],
    ["<html>", undefined],
  ])("in %s is %s", (text, expected) => {
    expect(readPosition(text)).toBe(expected);
  });
});

it.each(["", "<html>", "[]", "null", "7"])("an answer of %j is a bad answer", (text) => {
  expect(() => parseMembers(text, "x")).toThrow(code("FUSTOR_SENDER_BAD_ANSWER"));
});

it.each([
  ["gzip", true],
  ["identity, GZIP;q=0.5", true],
  ["gzip;q=0", false],
  ["gzip; q=0.00", false],
  ["br, deflate", false],
  ["", false],
  [undefined, false],
])("Accept-Encoding %j invites gzip: %s", (header, expected) => {
  expect(invitesGzip(header)).toBe(expected);
});

describe("the clock skew", () => {
  const date = "Tue, 01 Jul 2025 12:00:00 GMT";
  const at = Date.parse(date);

  it("is the far clock minus ours in the middle of the exchange", () => {
    expect(clockSkew(date, at - 5000 + 400, at - 5000 + 600)).toBe(5000);
  });

  it.each([undefined, "yesterday"])("is unknown with the date %j", (header) => {
    expect(clockSkew(header, 0, 0)).toBeUndefined();
  });
});
