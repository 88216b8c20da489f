import { expect, it } from "vitest";
import { networkFailure } from "../../../../src/senders/fusion/network-failure.ts";

const errnoError = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

it.each([
  ["EMFILE", "no file descriptor left; raise its limit (ulimit -n, or LimitNOFILE="],
  ["ENFILE", "fs.file-max"],
])("%s is said with its cure", (code, cure) => {
  const failure = networkFailure("f.example:8102", errnoError(code));
  expect(failure).toMatchObject({ code: "FUSTOR_SENDER_UNREACHABLE", message: expect.stringContaining(cure) });
  expect(networkFailure("f.example:8102", new AggregateError([errnoError(code)])).message).toContain(cure);
});
