import { describe, expect, it } from "vitest";
import { carryOut } from "../../../../src/pipe/session/commands.ts";
import type { Command } from "../../../../src/sdk/index.ts";
import { createRecordingLogger } from "../../../support/recording-logger.ts";

function carriedOut(...commands: Command[]) {
  const logger = createRecordingLogger();
  const scans: (readonly Command[])[] = [];
  carryOut(commands, { scans: { add: (added) => scans.push(added) }, logger });
  return { scans, entries: logger.entries };
}

describe("commands of a heartbeat", () => {
  it("that ask for scans are handed over together", () => {
    const [one, other] = [
      { type: "scan", path: "/a" },
      { type: "scan", path: "/b" },
    ] as const;
    expect(carriedOut(one, other)).toEqual({ scans: [[one, other]], entries: [] });
  });

  it.each(["reload_config", "stop_pipe", "update_config", "report_config", "upgrade"])(
    "would hand the machine over and are refused: %s",
    (type) => {
      const { scans, entries } = carriedOut({ type }, { type });
      expect(scans).toEqual([]);
      expect(entries).toEqual([
        {
          level: "warn",
          facts: { count: 2, types: type },
          message: "commands are refused: this agent is not configured or upgraded from afar",
        },
      ]);
    },
  );

  it("that are not known cost one line of the log, apart from the refused ones", () => {
    const { entries } = carriedOut({ type: "b" }, { type: "upgrade" }, { type: "a" }, { type: "b" });
    expect(entries.map(({ facts, message }) => [facts.types, message])).toEqual([
      ["a, b", "commands of Fusion are not known here"],
      ["upgrade", "commands are refused: this agent is not configured or upgraded from afar"],
    ]);
  });
});
