import { expect, it } from "vitest";
import { compactLine } from "../../../src/telemetry/log-line.ts";

const line = (entry: object): string =>
  compactLine(JSON.stringify({ level: "info", time: "2025-07-01T12:00:00.007Z", pid: 1, ...entry }));

it("puts local time, level, message and facts on one line", () => {
  const at = new Date("2025-07-01T12:00:00.007Z");
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  expect(line({ msg: "pushed", pipe: "p1", rows: 3, detail: { a: 1 } })).toBe(
    `${clock}.007 INFO  pushed pipe=p1 rows=3 detail={"a":1}\n`,
  );
});

it("quotes texts that would not stay one word", () => {
  expect(line({ msg: "x", a: "two words", b: "a=b", c: "", d: 'q"' })).toMatch(
    / x a="two words" b="a=b" c="" d="q\\""\n$/,
  );
});

it("shows of an error its code and message, not its stack", () => {
  const err = { type: "FustorError", code: "FUSTOR_SENDER_BUSY", message: "asks to wait", stack: "at somewhere" };
  expect(line({ msg: "x", err })).toMatch(/ x err="FUSTOR_SENDER_BUSY: asks to wait"\n$/);
});

it("passes nothing on that a terminal would act upon", () => {
  const nasty = "\u001b[31m\r\n\u0007\u009b2J\u202e\u2028";
  const shown = line({ msg: nasty, path: nasty });
  expect(shown.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
  expect(shown).toContain("\\u{1b}[31m");
});
