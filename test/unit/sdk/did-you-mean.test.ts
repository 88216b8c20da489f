import { describe, expect, test } from "vitest";
import { editDistance, nearest } from "../../../src/sdk/did-you-mean.ts";

describe("distance", () => {
  test.each([
    ["", "", 0],
    ["abc", "", 3],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "abd", 1],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
  ])("from %j to %j is %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });
});

describe("the nearest word", () => {
  test.each([
    ["sorce", "source"],
    ["batchSize", "batch_size"],
    ["batch-size", "batch_size"],
    ["SENDER", "sender"],
    ["xyz", undefined],
    ["s3", undefined],
    ["x".repeat(1000), undefined],
  ])("to %j is %j", (word, expected) => {
    expect(nearest(word, ["source", "sender", "batch_size", "fs"])).toBe(expected);
  });
});
