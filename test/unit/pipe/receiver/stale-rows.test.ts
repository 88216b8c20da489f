import { describe, expect, it } from "vitest";
import { rowsCreatedAbout } from "../../../../src/pipe/encode/row-ranges.ts";
import { StaleAfterTakeover, StaleInAudit } from "../../../../src/pipe/receiver/stale-rows.ts";
import { chunkOf } from "../../../support/row-chunks.ts";

const SINCE = 1_795_749_100;
const OLD = 1_700_000_000;

/** As the fs source writes them. `created` and `modified` in seconds. */
const row = (path: string, created: number, modified: number, isDirectory = false, more = ""): string =>
  `{"path":"${path}","file_name":"x","size":1,"modified_time":${modified}.123456789,"created_time":${created}.223456789,"is_directory":${isDirectory}${more}}`;

const doubted = (doubts: StaleInAudit | StaleAfterTakeover, texts: readonly string[]): number[] => [
  ...doubts.within(chunkOf(texts), 0, texts.length).keys(),
];

describe("after a take-over", () => {
  it("what was changed since is stale, whatever its modification time", () => {
    const rows = [row("/a", OLD, OLD), row("/b", SINCE, SINCE), row("/c", SINCE + 9, OLD), row("/d", SINCE - 1, OLD)];
    expect(doubted(new StaleAfterTakeover(SINCE), rows)).toEqual([1, 2]);
  });

  it("so is everything below a directory that was, in later chunks as well, and nothing beside it", () => {
    const doubts = new StaleAfterTakeover(SINCE);
    expect(
      doubted(doubts, [row("/", SINCE, SINCE, true), row("/d", SINCE, SINCE, true), row("/dd", OLD, OLD, true)]),
    ).toEqual([1]);
    expect(doubted(doubts, [row("/dd/f", OLD, OLD), row("/f", OLD, OLD)])).toEqual([]);
    expect(doubted(doubts, [row("/d/e", OLD, OLD, true), row("/d/f", OLD, OLD)])).toEqual([0, 1]);
    expect(doubted(doubts, [row("/d/e/f", OLD, OLD), row("/dd/e", OLD, OLD)])).toEqual([0]);
  });
});

describe("in an audit", () => {
  it("only what has an older modification time than its change is stale", () => {
    const rows = [
      row("/a", SINCE + 5, SINCE + 9),
      row("/b", SINCE + 5, OLD, false, ',"parent_path":"/","parent_mtime":1.000000000'),
      row("/c", SINCE - 5, OLD),
      row("/d", SINCE + 5, SINCE + 4),
    ];
    expect(doubted(new StaleInAudit(SINCE, SINCE + 100), rows)).toEqual([1, 3]);
  });

  it("a moved directory's contents are, and one that could not be listed is told by no row of its own", () => {
    const doubts = new StaleInAudit(SINCE, SINCE + 100);
    const skipped = row("/m", SINCE, OLD, true, ',"audit_skipped":true');
    expect(doubted(doubts, [skipped, row("/m/f", OLD, OLD), row("/n", OLD, OLD)])).toEqual([1]);
    expect(doubted(doubts, [row("/m/e", OLD, OLD, true), row("/m/e/f", OLD, OLD)])).toEqual([0, 1]);
  });

  it("a name that looks like a member is none", () => {
    const rows = [row(`/,\\"created_time\\":${SINCE}`, OLD, OLD), row("/x", SINCE, OLD)];
    expect(doubted(new StaleInAudit(SINCE, SINCE), rows)).toEqual([1]);
  });
});

describe("rows created about a time", () => {
  it("are found by the digits that both ends share", () => {
    const chunk = chunkOf([row("/a", 1_799_999_999, 1), row("/b", 1_795_000_000, 1), row("/c", 1_800_000_001, 1)]);
    expect(rowsCreatedAbout(chunk, 1_795_000_000, 1_795_000_900)).toEqual([1]);
    expect(rowsCreatedAbout(chunk, 1_799_999_000, 1_800_000_100)).toEqual([0, 1, 2]);
    expect(rowsCreatedAbout(chunk, 999, 1_800_000_100)).toEqual([0, 1, 2]);
  });
});
