import { expect, it } from "vitest";
import { silentLogger } from "../../../src/sdk/index.ts";
import { EchoSender } from "../../../src/senders/echo/echo-sender.ts";
import { FusionSender } from "../../../src/senders/fusion/fusion-sender.ts";
import { createSender, type SenderSettings } from "../../../src/senders/registry.ts";

const context = { id: "s", logger: silentLogger };
const settings = (over: Partial<SenderSettings> = {}): SenderSettings => ({
  uri: "http://127.0.0.1:1",
  timeoutMs: 1000,
  driverParams: {},
  ...over,
});

it.each([
  ["fusion", FusionSender],
  ["http", FusionSender],
  ["echo", EchoSender],
])("%s makes its driver", async (name, kind) => {
  const sender = createSender(name, context, settings());
  expect(sender).toBeInstanceOf(kind);
  await sender.close();
});

it("names the known drivers when it does not know one", () => {
  expect(() => createSender("kafka", context, settings())).toThrow(
    expect.objectContaining({
      code: "FUSTOR_DRIVER_UNKNOWN",
      message: 'no sender driver is called "kafka"; known are fusion, http, echo',
    }),
  );
});

it.each([
  ["fusion", { gzip: "always" }],
  ["fusion", { ca_file: 7 }],
  ["echo", { mock_role: "boss" }],
  ["echo", { session_timeout_seconds: 0 }],
])("%s refuses driver_params %j", (name, driverParams) => {
  expect(() => createSender(name, context, settings({ driverParams }))).toThrow(
    expect.objectContaining({ code: "FUSTOR_CONFIG_INVALID" }),
  );
});

it("lets driver_params be that it does not know", async () => {
  await createSender("fusion", context, settings({ driverParams: { later: true, timeout: 3 } })).close();
});

it("refuses a user and password for a Fusion, without repeating them", () => {
  const credential = { kind: "password", user: "me", password: "hush" } as const;
  expect(() => createSender("fusion", context, settings({ credential }))).toThrow(/write credential.key/);
  expect(() => createSender("fusion", context, settings({ credential }))).not.toThrow(/hush/);
});

it("passes the parameters of the echo sender on", async () => {
  const driverParams = { mock_role: "follower", session_timeout_seconds: 9 };
  const sender = createSender("echo", context, settings({ driverParams }));
  const request = { taskId: "t", sourceType: "fs", sourceUri: "/" };
  expect(await sender.createSession(request, { signal: new AbortController().signal })).toMatchObject({
    role: "follower",
    sessionTimeoutMs: 9000,
  });
});
