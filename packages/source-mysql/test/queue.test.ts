/** What waits between the server's log and the agent. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Queue } from "../src/queue.ts";

test("a queue gives what it got in order, and forgets what was taken although it is never empty", async () => {
  const queue = new Queue<{ readonly at: number }>();
  const early: WeakRef<object>[] = [];
  let taken = -1;
  for (let at = 0; at < 5_000; at++) {
    const item = { at };
    if (at < 100) early.push(new WeakRef(item));
    queue.add(item);
    if (at < 10) continue;
    expect(queue.first?.at).toBe(taken + 1);
    taken = queue.take()?.at ?? Number.NaN;
  }
  // A weak reference holds its object until the task that made it is over.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  expect(early.filter((each) => each.deref() !== undefined)).toEqual([]);
  while (queue.first !== undefined) expect(queue.take()?.at).toBe(++taken);
  expect([taken, queue.take()]).toEqual([4_999, undefined]);
});
