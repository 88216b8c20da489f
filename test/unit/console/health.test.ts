import { expect, test } from "vitest";
import { liveness, readiness } from "../../../src/console/health.ts";
import { examplePipe, exampleStatus } from "./example-status.ts";

const withPipe = (facts: object) => ({ ...exampleStatus, pipes: [{ ...examplePipe, ...facts }] });

test("an agent is alive until it has stopped, also while it ends in order", () => {
  expect(liveness({ ...exampleStatus, state: "draining" })).toEqual({ isGood: true, reasons: [] });
  expect(liveness({ ...exampleStatus, state: "stopped" }).isGood).toBe(false);
});

test("it is ready when every pipe has a session and no change waits too long", () => {
  expect(readiness(withPipe({ backlogAgeMs: 60_000 }), 60_000)).toEqual({ isGood: true, reasons: [] });
  expect(readiness(withPipe({ backlogAgeMs: 60_001 }), 60_000).reasons).toEqual([
    "pipe research: a change has been waiting for the receiver for 60 s, longer than 60 s",
  ]);
});

test.each([["reconnecting"], ["key_refused"], ["waiting_for_source"], ["failed"], ["stopped"]])(
  "a pipe that is %s makes it not ready",
  (state) => {
    const { isGood, reasons } = readiness(withPipe({ state }), 60_000);
    expect(isGood).toBe(false);
    expect(reasons).toEqual([`pipe research is ${state.replaceAll("_", " ")}`]);
  },
);

test("a hot standby is ready, an agent that still starts is not", () => {
  expect(readiness(withPipe({ state: "standby" }), 60_000).isGood).toBe(true);
  expect(readiness({ ...withPipe({}), state: "starting" }, 60_000).reasons).toEqual(["the agent is starting"]);
});
