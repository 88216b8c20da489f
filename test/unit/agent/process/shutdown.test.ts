import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { listenForShutdown } from "../../../../src/agent/process/shutdown.ts";

function listening() {
  const source = new EventEmitter();
  const heard: string[] = [];
  let now = 0;
  const dispose = listenForShutdown(
    { onStop: (name) => heard.push(`stop ${name}`), onForce: (name) => heard.push(`force ${name}`), now: () => now },
    source,
  );
  const signalAt = (time: number, name: NodeJS.Signals): void => {
    now = time;
    source.emit(name, name);
  };
  return { source, heard, signalAt, dispose };
}

test("signals within a moment are one wish to stop", () => {
  const { heard, signalAt } = listening();
  signalAt(1000, "SIGINT");
  signalAt(1003, "SIGINT");
  signalAt(1400, "SIGTERM");
  expect(heard).toEqual(["stop SIGINT"]);
});

test("a signal after that moment forces", () => {
  const { heard, signalAt } = listening();
  signalAt(1000, "SIGTERM");
  signalAt(1600, "SIGINT");
  expect(heard).toEqual(["stop SIGTERM", "force SIGINT"]);
});

test("after dispose nothing listens any more", () => {
  const { source, dispose } = listening();
  dispose();
  expect(source.listenerCount("SIGTERM") + source.listenerCount("SIGINT")).toBe(0);
});
