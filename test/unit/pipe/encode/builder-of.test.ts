import { describe, expect, it } from "vitest";
import { builderOf } from "../../../../src/pipe/encode/builder-of.ts";
import { BulkMapper } from "../../../../src/pipe/encode/bulk-mapper.ts";
import { FieldMapper } from "../../../../src/pipe/encode/field-mapper.ts";
import type { CompileMapping } from "../../../../src/pipe/row-program.ts";
import type { FieldRule } from "../../../../src/sdk/index.ts";
import { rowsOf } from "../../../support/faulty-sender.ts";
import { chunkOf } from "../../../support/row-chunks.ts";
import { SessionStage } from "../../../support/session-stage.ts";

const RULES: readonly FieldRule[] = [{ to: "where", source: ["path"] }];
const chunk = chunkOf(['{"path":"/a"}', '{"path":"/b"}']);
const whole = [{ chunk, from: 0, to: 2 }];

/** A program that makes the same row of everything, or nothing, and writes down what it was asked to do. */
function programOf(text: string | undefined) {
  const asked: (readonly [number, number])[] = [];
  let compiled = 0;
  const compile: CompileMapping = () => {
    compiled++;
    return {
      map: (_buffer, _offsets, from, to) => {
        asked.push([from, to]);
        const buffer = Buffer.from(text ?? "");
        const rowOffsets = text === undefined ? Uint32Array.of(0) : Uint32Array.of(0, buffer.length + 1);
        return { end: to, buffer, rowOffsets, conflicts: new Uint32Array() };
      },
    };
  };
  return { asked, compile, compiled: () => compiled };
}

describe("a program for rows in bulk", () => {
  it("gets whole ranges, once, and makes their rows", () => {
    const { asked, compile } = programOf('{"made":1}');
    const mapped = new BulkMapper(new FieldMapper(RULES), compile).map(whole);
    expect([mapped.length, asked]).toEqual([1, [[0, 2]]]);
  });

  it("that leaves nothing of them makes no range", () => {
    expect(new BulkMapper(new FieldMapper(RULES), programOf(undefined).compile).map(whole)).toEqual([]);
  });

  it("is not made where nothing is mapped", () => {
    const { compile, compiled } = programOf(undefined);
    new BulkMapper(new FieldMapper([]), compile);
    expect(compiled()).toBe(0);
  });
});

describe("the builder of a pipe", () => {
  const rowsSent = (compileMapping?: CompileMapping): unknown[] => {
    const { pipe } = new SessionStage({ settings: { fieldsMapping: RULES } });
    const parts = { ...pipe, ...(compileMapping === undefined ? {} : { compileMapping }) };
    const { events } = builderOf(parts, () => false).bulk("snapshot", whole, [], 1);
    return events.flatMap(({ rows }) => rowsOf(rows));
  };

  it("maps rows in bulk by the program that the pipe has, or one by one when it has none", () => {
    expect(rowsSent(programOf('{"made":1}').compile)).toEqual([{ made: 1 }]);
    expect(rowsSent()).toEqual([{ where: "/a" }, { where: "/b" }]);
  });

  it("says in the log when a target of the mapping lies below a plain value", () => {
    const stage = new SessionStage({ settings: { fieldsMapping: [...RULES, { to: "where.size", source: ["path"] }] } });
    builderOf(stage.pipe, () => false).bulk("snapshot", whole, [], 1);
    expect(stage.logger.entries).toMatchObject([{ level: "warn", facts: { target: "where.size" } }]);
  });
});
