import { describe, expect, it } from "vitest";
import { ClockSkew } from "../../../../src/pipe/session/clock-skew.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";

function stageOf() {
  const logger = createRecordingLogger();
  return { logger, skew: new ClockSkew(logger) };
}

describe("the difference of the clocks", () => {
  it("is the last one that an answer showed", () => {
    const { skew } = stageOf();
    expect(skew.ms).toBeUndefined();
    skew.note(5);
    skew.note(-7);
    skew.note(undefined);
    expect(skew.ms).toBe(-7);
  });

  it("is warned of once when it is more than a minute, either way", () => {
    const { skew, logger } = stageOf();
    skew.note(60_000);
    expect(logger.entries).toEqual([]);
    skew.note(-60_001);
    skew.note(90_000);
    expect(logger.entries).toMatchObject([{ level: "warn", facts: { seconds: -60 } }]);
  });
});
