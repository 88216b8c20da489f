import { expect, test } from "vitest";
import { type ServiceEnvironment, ServiceManager } from "../../../../src/agent/process/service-manager.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";

const PID = 42;

function managed(variables: ServiceEnvironment, send?: () => void) {
  const environment = { ...variables };
  const sent: string[] = [];
  const timers: { ms: number; run(): void; on: boolean }[] = [];
  const warnings: string[] = [];
  const service = new ServiceManager({
    environment,
    logger: { ...silentLogger, warn: (_facts: object, message: string) => void warnings.push(message) },
    pid: PID,
    send: (socket, text) => (send === undefined ? sent.push(`${socket}: ${text}`) : send()),
    every: (ms, run) => {
      const timer = { ms, run, on: true };
      timers.push(timer);
      const dispose = (): void => {
        timer.on = false;
      };
      return { dispose };
    },
  });
  return { service, environment, sent, timers, warnings };
}

test("it says that it is up, that it works and that it ends", () => {
  const { service, sent, timers } = managed({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000", WATCHDOG_PID: "42" });
  service.ready(() => "2 pipes: 2 running");
  expect(sent).toEqual(["/run/n: READY=1\nSTATUS=2 pipes: 2 running"]);
  expect(timers.map(({ ms }) => ms)).toEqual([30_000]);
  timers[0]?.run();
  expect(sent[1]).toBe("/run/n: STATUS=2 pipes: 2 running\nWATCHDOG=1");
  service.stopping();
  expect(sent[2]).toBe("/run/n: STOPPING=1\nSTATUS=stopping");
  expect(timers[0]?.on).toBe(true);
  service.dispose();
  expect(timers[0]?.on).toBe(false);
});

test("a part that does not answer keeps the sign of life back", () => {
  const { service, sent, timers } = managed({ NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "60000000" });
  let isStuck = false;
  service.ready(() => {
    if (isStuck) throw new Error("no answer");
    return "fine";
  });
  isStuck = true;
  timers[0]?.run();
  expect(sent).toHaveLength(1);
});

test.each([
  ["no socket", {}],
  ["an empty one", { NOTIFY_SOCKET: "" }],
])("with %s nothing is sent", (_, variables) => {
  const { service, sent, timers } = managed({ ...variables, WATCHDOG_USEC: "60000000" });
  service.ready(() => "fine");
  service.stopping();
  expect([sent, timers]).toEqual([[], []]);
});

test.each([
  ["there is no watchdog", {}],
  ["the watchdog is another process's", { WATCHDOG_USEC: "60000000", WATCHDOG_PID: "43" }],
  ["its time is no number", { WATCHDOG_USEC: "soon" }],
])("when %s no sign of life is sent", (_, variables) => {
  const { service, sent, timers } = managed({ NOTIFY_SOCKET: "/run/n", ...variables });
  service.ready(() => "fine");
  expect(sent).toHaveLength(1);
  expect(timers).toEqual([]);
});

test("what the agent starts is not the service", () => {
  const { environment } = managed({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "1", WATCHDOG_PID: "42" });
  expect(environment).toEqual({});
});

test("a socket that is gone costs one warning", () => {
  const { service, warnings } = managed({ NOTIFY_SOCKET: "/run/n" }, () => {
    throw new Error("no such file");
  });
  service.ready(() => "fine");
  service.stopping();
  expect(warnings).toEqual(["systemd does not hear of the agent: no such file"]);
});
