/** The senders that come with the agent, by the name a configuration gives as `driver`. */
import { FustorError, type SenderDriver, type SenderDriverContext } from "../sdk/index.ts";
import { EchoSender, type EchoSenderOptions } from "./echo/echo-sender.ts";
import type { FusionSenderOptions } from "./fusion/fusion-options.ts";
import { FusionSender } from "./fusion/fusion-sender.ts";
import { refusal } from "./refusal.ts";

/** A resolved secret, in the form the configuration gives it. */
export type SenderCredential =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "password"; readonly user: string; readonly password: string };

export interface SenderSettings {
  readonly uri: string;
  readonly credential?: SenderCredential;
  readonly timeoutMs: number;
  /** As written, snake_case; each driver reads its own and lets the others be. */
  readonly driverParams: Readonly<Record<string, unknown>>;
}

type SenderFactory = (context: SenderDriverContext, settings: SenderSettings) => SenderDriver;
type Params = Readonly<Record<string, unknown>>;

function textParam(params: Params, name: string): string | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw refusal(`driver_params.${name} is not a text`, "write a text");
  return value;
}

function choiceParam<T extends string>(params: Params, name: string, choices: readonly T[]): T | undefined {
  const value = textParam(params, name);
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw refusal(`driver_params.${name} is "${value}"`, `write one of ${choices.join(", ")}`);
  return choice;
}

function secondsParam(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !(value > 0))
    throw refusal(`driver_params.${name} is not a number above 0`, "write one");
  return value;
}

/** Leaves out what is undefined, which optional members do not take. */
function present<T extends object>(members: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

function keyOf(credential: SenderCredential | undefined): string | undefined {
  if (credential?.kind === "password") {
    throw refusal("a Fusion sender takes a push key, not a user and password", "write credential.key");
  }
  return credential?.key;
}

const fusion: SenderFactory = (context, { uri, credential, timeoutMs, driverParams }) =>
  new FusionSender(
    context,
    present<FusionSenderOptions>({
      uri,
      timeoutMs,
      key: keyOf(credential),
      caFile: textParam(driverParams, "ca_file"),
      ca: undefined,
      proxy: textParam(driverParams, "proxy"),
      gzip: choiceParam(driverParams, "gzip", ["auto", "never"]),
    }),
  );

const echo: SenderFactory = (context, { driverParams }) =>
  new EchoSender(
    context,
    present<EchoSenderOptions>({
      mockRole: choiceParam(driverParams, "mock_role", ["leader", "follower"]),
      sessionTimeoutSeconds: secondsParam(driverParams, "session_timeout_seconds"),
      newSessionId: undefined,
    }),
  );

const FACTORIES: ReadonlyMap<string, SenderFactory> = new Map([
  ["fusion", fusion],
  ["http", fusion],
  ["echo", echo],
]);

export const senderDriverNames: readonly string[] = [...FACTORIES.keys()];

/** Throws FUSTOR_DRIVER_UNKNOWN, or FUSTOR_CONFIG_INVALID when the settings cannot work; opens no connection. */
export function createSender(driver: string, context: SenderDriverContext, settings: SenderSettings): SenderDriver {
  const factory = FACTORIES.get(driver);
  if (factory === undefined) {
    const known = senderDriverNames.join(", ");
    throw new FustorError("FUSTOR_DRIVER_UNKNOWN", `no sender driver is called "${driver}"; known are ${known}`, {
      details: { driver, known: senderDriverNames },
    });
  }
  return factory(context, settings);
}
