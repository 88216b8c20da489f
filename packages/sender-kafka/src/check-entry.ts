/** What can be said of an entry of the configuration before anything is asked of the network. */
import { type DriverEntry, type EntryCheck, isLoopback, omitUndefined, type WrittenEntry } from "fustor-agent/sdk";
import type { KafkaParams } from "./params.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const ONE = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const EXAMPLE = "write kafka://host:9092, or several as kafka://one:9092,two:9092";

/** `kafka://one:9092,two:9092`, at will without `kafka://`; undefined when it is something else. */
export function brokersOf(uri: string): readonly Address[] | undefined {
  const found = uri
    .trim()
    .replace(/^kafka:\/\//i, "")
    .replace(/\/$/, "")
    .split(",")
    .map((each) => ONE.exec(each.trim()));
  const brokers = found.flatMap((each) =>
    each === null ? [] : [{ host: (each[1] ?? "").replace(/^\[|\]$/g, ""), port: Number(each[2] ?? 9092) }],
  );
  return brokers.length === found.length && brokers.every(({ port }) => port > 0 && port < 65_536)
    ? brokers
    : undefined;
}

const urlOf = ({ host, port }: Address): URL => new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);

export function checkEntry(
  { uri, credential, params }: WrittenEntry<KafkaParams>,
  check: EntryCheck,
): DriverEntry<KafkaParams> | undefined {
  if (credential?.kind === "key") {
    check.error("credential", "is a key alone", "write user and passwd");
  }
  const brokers = uri === undefined ? undefined : brokersOf(uri);
  if (uri !== undefined && brokers === undefined) {
    const isSecret = uri.includes("@");
    check.error(
      "uri",
      isSecret ? "holds a user or password" : "is no list of brokers",
      isSecret ? "move it to credential" : EXAMPLE,
    );
  }
  if (uri === undefined || brokers === undefined || params === undefined || credential?.kind === "key")
    return undefined;
  const isAway = brokers.some((broker) => !isLoopback(urlOf(broker)));
  if (credential !== undefined && params.sasl === "plain" && !params.tls && isAway) {
    check.warn("driver_params.sasl", "sends the password without encryption", "write tls: true, or scram-sha-512");
  }
  return omitUndefined({ uri, credential, params });
}
