import { describe, expect, test } from "vitest";
import { type Selection, selectPipes, selectPipesAgain } from "../../../src/config/select.ts";
import { isFustorError } from "../../../src/sdk/errors.ts";
import { configOf } from "./reading.ts";

const HOME = "/home/x/.fustor";
const ENDS = "sources: {a: {driver: fs, uri: /a}}\nsenders: {b: {driver: echo}}\n";
const dict = (...pipes: string[]): string => `pipes:\n${pipes.map((pipe) => `  ${pipe}\n`).join("")}`;
const on = (id: string): string => `${id}: {source: a, sender: b}`;
const off = (id: string): string => `${id}: {source: a, sender: b, disabled: true}`;

const single = `${HOME}/agent-config.yaml`;
const inFolder = (name: string): string => `${HOME}/agent-config/${name}`;

const ids = ({ selected, notStarted }: Selection) => ({
  selected: selected.map((pipe) => pipe.id),
  notStarted: notStarted.map(({ pipe }) => pipe.id),
});

describe("start without names", () => {
  test("runs the enabled pipes of default.yaml and names those of the other files", () => {
    const config = configOf({
      [inFolder("default.yaml")]: ENDS + dict(on("p1"), off("p2")),
      [inFolder("more.yaml")]: dict(on("p3")),
    });
    expect(ids(selectPipes(config, []))).toEqual({ selected: ["p1"], notStarted: ["p2", "p3"] });
    expect(selectPipes(config, []).notStarted.map(({ reason }) => reason)).toEqual([
      "it is not enabled; set enabled: true or run `start p2`",
      "only pipes of default.yaml start by themselves; run `start p3` or `start more.yaml`",
    ]);
  });

  test("runs the enabled pipes of every file when there is no default.yaml", () => {
    const config = configOf({
      [inFolder("1.yaml")]: ENDS + dict(on("p1")),
      [inFolder("2.yaml")]: dict(on("p2"), off("p3")),
    });
    expect(ids(selectPipes(config, []))).toEqual({ selected: ["p1", "p2"], notStarted: ["p3"] });
  });

  test("runs enabled pipes of the list form and of agent-config.yaml beside those of default.yaml", () => {
    const list = "pipes:\n  - {id: p4, source: a, sender: b, enabled: true}\n  - {id: p5, source: a, sender: b}\n";
    const config = configOf({
      [single]: ENDS + dict(on("p1")),
      [inFolder("default.yaml")]: dict(on("p2")),
      [inFolder("list.yaml")]: list,
    });
    expect(ids(selectPipes(config, []))).toEqual({ selected: ["p1", "p2", "p4"], notStarted: ["p5"] });
  });

  test("a default.yaml beside the folder is no default.yaml of the folder", () => {
    const config = configOf({ "/elsewhere/default.yaml": ENDS + dict(on("p1")), [inFolder("x.yaml")]: dict(on("p2")) });
    expect(ids(selectPipes(config, [])).selected).toEqual(["p1", "p2"]);
  });
});

describe("start with names", () => {
  const config = configOf({
    [inFolder("default.yaml")]: ENDS + dict(on("p1")),
    [inFolder("more.yaml")]: dict(on("p2"), off("p3")),
  });

  test.each([
    [["p3"], ["p3"], []],
    [["p2", "p1"], ["p2", "p1"], []],
    [["p1", "p1"], ["p1"], []],
    [["more.yaml"], ["p2"], ["p3"]],
    [["more.yaml", "p3"], ["p2", "p3"], []],
    [["p3", "more.yaml"], ["p3", "p2"], []],
    [[inFolder("more.yaml")], ["p2"], ["p3"]],
  ])("%j runs %j", (names, selected, notStarted) => {
    expect(ids(selectPipes(config, names))).toEqual({ selected, notStarted });
  });

  test("an unknown name is refused with the known ones", () => {
    expect(() => selectPipes(config, ["p1", "mor.yaml"])).toThrow(
      '"mor.yaml" is neither a pipe nor a configuration file, did you mean "more.yaml"? Known pipes: p1, p2, p3; files: default.yaml, more.yaml',
    );
    try {
      selectPipes(config, ["zzz"]);
      expect.unreachable();
    } catch (error) {
      expect(isFustorError(error, "FUSTOR_CONFIG_INVALID")).toBe(true);
    }
  });
});

test.each([
  ["sources: {a: {driver: fs, uri: /a, disabled: true}}\nsenders: {b: {driver: echo}}\n", 'its source "a" is disabled'],
  ["sources: {a: {driver: fs, uri: /a}}\nsenders: {b: {driver: echo, enabled: false}}\n", 'its sender "b" is disabled'],
])("a pipe whose other end is disabled does not start, not even by name", (ends, reason) => {
  const config = configOf(ends + dict(on("p")));
  for (const names of [[], ["p"]]) {
    const { selected, notStarted } = selectPipes(config, names);
    expect(selected).toEqual([]);
    expect(notStarted.map((each) => each.reason)).toEqual([reason]);
  }
});

describe("the same choice once more", () => {
  const config = configOf({ [single]: ENDS + dict(on("p1"), off("p2")), [inFolder("more.yaml")]: dict(on("p3")) });

  test("is what a start with these names would run", () => {
    for (const names of [[], ["p2"], ["more.yaml"], ["p1", "more.yaml"]]) {
      expect(ids(selectPipesAgain(config, names))).toEqual(ids(selectPipes(config, names)));
    }
  });

  test("passes over a name that is gone", () => {
    expect(ids(selectPipesAgain(config, ["gone", "p2", "gone.yaml"]))).toEqual({ selected: ["p2"], notStarted: [] });
  });

  test("runs nothing when every name is gone", () => {
    expect(ids(selectPipesAgain(config, ["gone"]))).toEqual({ selected: [], notStarted: [] });
  });
});
