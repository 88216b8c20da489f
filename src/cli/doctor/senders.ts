/** Whether each receiver is there and takes the key: one question that opens no session. */
import type { SenderConfig } from "../../config/model.ts";
import type { DriverRegistry } from "../../drivers/registry.ts";
import {
  describeError,
  type FustorError,
  isFustorError,
  omitUndefined,
  publicAddress,
  type SenderProbe,
  silentLogger,
} from "../../sdk/index.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

const PATIENCE_MS = 10_000;
/** Sessions are not open any longer than this matters: the agent warns at the same. */
const FAR_MS = 60_000;
const NEAR_MS = 2_000;

/** Undefined: the driver has no such question. */
async function probeOf(sender: SenderConfig, drivers: DriverRegistry): Promise<SenderProbe | undefined> {
  const { id, driver, uri, credential, timeoutMs, driverParams: params } = sender;
  const patience = Math.min(timeoutMs, PATIENCE_MS);
  const settings = omitUndefined({ uri, credential, timeoutMs: patience, params });
  const made = await drivers.requireSender(driver).create({ id, logger: silentLogger }, settings);
  try {
    return await made.probe?.({ signal: AbortSignal.timeout(patience + 1000) });
  } finally {
    await made.close();
  }
}

export async function senderFindings(sender: SenderConfig, drivers: DriverRegistry): Promise<readonly Finding[]> {
  const { id: about } = sender;
  const address = publicAddress(sender.uri);
  const proxies = proxyFindings(sender);
  try {
    const probe = await probeOf(sender, drivers);
    if (probe === undefined) {
      const what = `${address}: the driver ${sender.driver} can be tried only with a session, which the doctor does not open`;
      return [ok("sender", what, { about }), ...proxies];
    }
    const owner = probe.knownAs === undefined ? "" : ` (of ${probe.knownAs})`;
    const there = ok("sender", `${address} answers and takes the key${owner}`, { about });
    return [there, ...clockFindings(about, probe), ...proxies];
  } catch (error) {
    return [problem("sender", describeError(error), { about, cure: cureOf(sender, error) }), ...proxies];
  }
}

const proxyOf = ({ driverParams: { proxy } }: SenderConfig): string | undefined =>
  typeof proxy === "string" && proxy !== "" ? publicAddress(proxy) : undefined;

function cureOf(sender: SenderConfig, error: unknown): string {
  const { uri, origin } = sender;
  const place = `${origin.file}:${origin.line}`;
  const shown = publicAddress(uri);
  const proxy = proxyOf(sender);
  switch (isFustorError(error) ? (error as FustorError).code : undefined) {
    case "FUSTOR_SENDER_KEY_REFUSED":
      return `put a push key of the receiver (api_keys in Fusion's configuration) into credential at ${place}, then: fustor-agent reload`;
    case "FUSTOR_SENDER_UNREACHABLE":
      if (proxy !== undefined)
        return `see whether the proxy answers and lets through: curl -sv -x ${proxy} ${shown}/ ; or correct proxy or endpoint at ${place}`;
      return `see whether Fusion's receiver listens there: curl -sv ${shown}/ ; or correct endpoint at ${place}`;
    case "FUSTOR_SENDER_BAD_ANSWER":
      return `endpoint at ${place} must be the address of Fusion's receiver (port 8102 by default)`;
    case "FUSTOR_SENDER_BUSY":
      return "none, if it passes: run the doctor again in a minute";
    default:
      return `see the sender at ${place}`;
  }
}

function clockFindings(about: string, { clockSkewMs }: SenderProbe): readonly Finding[] {
  if (clockSkewMs === undefined) return [];
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  if (Math.abs(clockSkewMs) <= NEAR_MS) return [ok("clock", "the receiver's clock and ours agree", { about })];
  const what = `the receiver's clock is ${seconds} s ${clockSkewMs > 0 ? "ahead of" : "behind"} ours`;
  const rest = {
    about,
    cure: "timedatectl set-ntp true, on the machine that is wrong (timedatectl status says which)",
  };
  return [Math.abs(clockSkewMs) > FAR_MS ? problem("clock", what, rest) : note("clock", what, rest)];
}

function proxyFindings(sender: SenderConfig): readonly Finding[] {
  const proxy = proxyOf(sender);
  return proxy === undefined ? [] : [ok("proxy", `requests go through the proxy ${proxy}`, { about: sender.id })];
}
