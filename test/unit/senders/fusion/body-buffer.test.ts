import { expect, it } from "vitest";
import { BodyBuffer } from "../../../../src/senders/fusion/body-buffer.ts";

it("hands the same memory out again once it was given back, in any smaller size", () => {
  const bodies = new BodyBuffer();
  const first = bodies.take(1000);
  bodies.giveBack(first);
  const second = bodies.take(10);
  expect(second.byteLength).toBe(10);
  expect(second.buffer).toBe(first.buffer);
});

it("never hands out memory that was not given back", () => {
  const bodies = new BodyBuffer();
  expect(bodies.take(10).buffer).not.toBe(bodies.take(10).buffer);
});

it("takes larger memory when what it keeps is too small", () => {
  const bodies = new BodyBuffer();
  bodies.giveBack(bodies.take(10));
  expect(bodies.take(1_000_000).byteLength).toBe(1_000_000);
});

it("does not keep memory beyond 16 MiB", () => {
  const bodies = new BodyBuffer();
  const huge = bodies.take(17 * 1024 * 1024);
  bodies.giveBack(huge);
  expect(bodies.take(10).buffer).not.toBe(huge.buffer);
});
