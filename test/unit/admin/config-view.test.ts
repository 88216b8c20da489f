import { expect, test } from "vitest";
import { configView } from "../../../src/admin/config-view.ts";
import type { AgentConfig } from "../../../src/config/model.ts";

test("headers of a driver are not shown, whatever their names are", () => {
  const sender = { id: "s", driver: "d", uri: "https://h/", driverParams: { headers: { "X-Caller": "s3cret" } } };
  const none = new Map<string, never>();
  const config = { sources: none, senders: new Map([["s", sender]]), pipes: none, logging: {}, console: {} };
  expect(configView(config as unknown as AgentConfig).senders).toEqual([
    { id: "s", driver: "d", uri: "https://h/", driverParams: { headers: "***" } },
  ]);
});
