/** From the configuration to what the parts of the driver take. */
import { readFileSync } from "node:fs";
import type { ConnectionOptions, SASLOptions } from "@platformatic/kafka";
import type { Credential } from "fustor-agent/sdk";
import { FustorError } from "fustor-agent/sdk";
import type { TopicSettings } from "./attachment.ts";
import { brokersOf } from "./check-entry.ts";
import type { KafkaParams } from "./params.ts";

export interface KafkaSettings {
  readonly uri: string;
  readonly credential?: Credential;
  readonly timeoutMs: number;
  readonly params: KafkaParams;
}

const MECHANISMS = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;

const LONGEST_CONNECT_MS = 5_000;

/** `<agent id>:<pipe id>`; the id of a pipe holds no colon. What no name of a topic may hold becomes `_`. */
export function topicOf(pattern: string, taskId: string): string {
  const at = taskId.lastIndexOf(":");
  const plain = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, "_");
  return pattern
    .replaceAll("{agent}", plain(taskId.slice(0, Math.max(0, at))))
    .replaceAll("{pipe}", plain(taskId.slice(at + 1)));
}

export function topicSettings({ uri, credential, timeoutMs, params }: KafkaSettings, taskId: string): TopicSettings {
  const brokers = brokersOf(uri);
  if (brokers === undefined) throw new FustorError("FUSTOR_CONFIG_INVALID", "uri is no list of brokers");
  const topic = topicOf(params.topic, taskId);
  const [first] = brokers;
  const place = `Kafka at ${first?.host}:${first?.port}${brokers.length > 1 ? ",..." : ""}, topic ${topic}`;
  const connectTimeout = Math.min(LONGEST_CONNECT_MS, Math.max(200, Math.round(timeoutMs / (brokers.length + 1))));
  const options: ConnectionOptions = {
    connectTimeout,
    requestTimeout: timeoutMs + 5_000,
    ...tlsOf(params),
    ...saslOf(credential, params),
  };
  return {
    link: { brokers, options, place },
    topic,
    transactionalId: params.transactional_id ?? `fustor.${topic}`,
    partitions: params.partitions,
    replicationFactor: params.replication_factor,
    config: params.topic_config,
    allowOtherCleanup: params.allow_other_cleanup,
    compression: params.compression,
  };
}

function tlsOf({ tls, ca_file }: KafkaParams): Pick<ConnectionOptions, "tls" | "tlsServerName"> {
  if (!tls) return {};
  return { tls: ca_file === undefined ? {} : { ca: readFileSync(ca_file, "utf8") } };
}

function saslOf(credential: Credential | undefined, { sasl }: KafkaParams): { readonly sasl?: SASLOptions } {
  if (credential?.kind !== "password") return {};
  const { user, password } = credential;
  return { sasl: { mechanism: MECHANISMS[sasl], username: user, password } };
}
