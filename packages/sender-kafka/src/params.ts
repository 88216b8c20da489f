/** `driver_params`: README.md lists them. */
import { duration, flag, text, wholeNumber, z } from "fustor-agent/sdk";

const TOPIC = /^[A-Za-z0-9._{}-]{1,200}$/;
const absolute = text.refine((path) => path.startsWith("/"), { error: "is not an absolute path; begin it with /" });

export const kafkaParams = z.object({
  topic: z
    .string({ error: "is not text; put the value in quotes" })
    .regex(TOPIC, { error: "is no name of a topic; use letters, digits, ., _ and -, {agent} and {pipe}" })
    .default("fustor.{agent}.{pipe}"),
  /** Of a topic that is made. */
  partitions: wholeNumber(1, 10_000).default(1),
  /** -1: what the brokers have as their default. */
  replication_factor: wholeNumber(-1, 100).default(-1),
  topic_config: z
    .record(z.string(), z.union([z.string(), z.number().transform(String)]), {
      error: "is no table of settings; write such as {min.insync.replicas: 2}",
    })
    .default({}),
  allow_other_cleanup: flag.default(false),
  /** The topic held records of other applications before. */
  delete_other_records: flag.default(false),
  compression: z
    .enum(["none", "gzip", "snappy", "lz4"], { error: "is no compression; write none, gzip, snappy or lz4" })
    .default("none"),
  key_field: text.default("path"),
  transactional_id: text.optional(),
  tls: flag.default(false),
  ca_file: absolute.optional(),
  sasl: z
    .enum(["plain", "scram-sha-256", "scram-sha-512"], {
      error: "is no mechanism; write plain, scram-sha-256 or scram-sha-512",
    })
    .default("scram-sha-512"),
  session_timeout_seconds: duration.default(30),
});

export type KafkaParams = z.output<typeof kafkaParams>;
