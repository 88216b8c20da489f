import { expect, test } from "vitest";
import { cpuMeter, residentMeter } from "../../../../src/agent/process/process-load.ts";

function meterAt() {
  let now = 1000;
  let busyMs = 50;
  const meter = cpuMeter(
    () => now,
    () => ({ user: busyMs * 750, system: busyMs * 250 }),
  );
  const after = (passedMs: number, workedMs: number) => {
    now += passedMs;
    busyMs += workedMs;
    return meter();
  };
  return { after };
}

test("the load is that of the time since the last question", () => {
  const { after } = meterAt();
  expect(after(1000, 500).percent).toBe(50);
  expect(after(1000, 10).percent).toBe(1);
});

test("questions in quick succession do not shorten the window to nothing", () => {
  const { after } = meterAt();
  expect(after(1000, 100).percent).toBe(10);
  expect(after(100, 100).percent).toBe(100);
  expect(after(400, 0).percent).toBe(20);
});

test("two questions at the same moment give the same finite answer", () => {
  const { after } = meterAt();
  expect(after(1000, 100).percent).toBe(10);
  expect(after(0, 0).percent).toBe(10);
});

test("the last size in memory is told when it cannot be read", () => {
  const answers = [() => 7, () => 8];
  const meter = residentMeter(() => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error("EMFILE");
    return answer();
  });
  expect([meter(), meter(), meter()]).toEqual([7, 8, 8]);
});
