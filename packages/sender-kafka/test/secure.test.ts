/** TLS and the three ways to say a password, over a broker that demands both. No secret is in an error. */
import { execFileSync } from "node:child_process";
import { createHmac, pbkdf2Sync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alterUserScramCredentialsV0, Connection } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KafkaBroker } from "./kafka-broker.ts";
import { failureOf, opened, REQUEST, rows, senderTo, signal } from "./sender-fixture.ts";

const PASSWORD = "s3cret of the test";
const work = mkdtempSync(join(tmpdir(), "fustor-kafka-tls-"));
const certificate = join(work, "certificate.pem");
let broker: KafkaBroker;

/** Of a PEM text in one line of server.properties. */
const inLine = (name: string): string => readFileSync(join(work, name), "utf8").trim().replaceAll("\n", " \\\n ");

beforeAll(async () => {
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  const key = join(work, "key.pem");
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kafka", "-addext", names];
  execFileSync("openssl", [...args, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="${PASSWORD}" user_a="${PASSWORD}";`;
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  broker = await KafkaBroker.start({
    protocol: "SASL_SSL",
    lines: [
      "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
      "sasl.mechanism.inter.broker.protocol=PLAIN",
      `listener.name.client.plain.sasl.jaas.config=${jaas}`,
      `listener.name.client.scram-sha-256.sasl.jaas.config=${scram}`,
      `listener.name.client.scram-sha-512.sasl.jaas.config=${scram}`,
      "ssl.keystore.type=PEM",
      `ssl.keystore.key=${inLine("key.pem")}`,
      `ssl.keystore.certificate.chain=${inLine("certificate.pem")}`,
      "ssl.truststore.type=PEM",
      `ssl.truststore.certificates=${inLine("certificate.pem")}`,
    ],
  });
});
afterAll(async () => {
  await broker?.end();
  rmSync(work, { recursive: true, force: true });
});

const to = (sasl: string, password = PASSWORD, params: object = {}) => ({
  uri: broker.uri,
  credential: { kind: "password", user: sasl === "plain" ? "a" : "b", password } as const,
  params: { topic: "secure", sasl, tls: true, ca_file: certificate, ...params },
});

/** What a broker keeps of a password: hashes of it with this salt. */
async function makeUser(): Promise<void> {
  const connection = new Connection("admin", {
    tls: { ca: readFileSync(certificate) },
    sasl: { mechanism: "PLAIN", username: "a", password: PASSWORD },
  });
  connection.on("error", () => undefined);
  await connection.connect("127.0.0.1", broker.port);
  const salt = Buffer.from(createHmac("sha256", "salt").update("of the test").digest());
  const hashes = [
    { mechanism: 1, name: "sha256", bytes: 32 },
    { mechanism: 2, name: "sha512", bytes: 64 },
  ];
  const users = hashes.map(({ mechanism, name, bytes }) => ({
    ...{ name: "b", mechanism, iterations: 4096, salt },
    saltedPassword: pbkdf2Sync(PASSWORD, salt, 4096, bytes, name),
  }));
  // One at a time: a request may name a user once.
  for (const user of users) await alterUserScramCredentialsV0.api.async(connection, [], [user]);
  await connection.close();
}

test("TLS, and a password as PLAIN and SCRAM", async () => {
  await makeUser();
  for (const sasl of ["plain", "scram-sha-256", "scram-sha-512"]) {
    const { push, sender } = await opened(to(sasl));
    await push(rows("message", [{ path: `/${sasl}` }]));
    await sender.close();
  }
});

test("a wrong password, a certificate that is not trusted and a missing TLS are named, without the password", async () => {
  const trouble = async (sasl: string, password: string, params: object = {}) => {
    const sender = await senderTo({ ...to(sasl, password, params), timeoutMs: 8_000 });
    return failureOf(sender.createSession(REQUEST, { signal }));
  };
  for (const sasl of ["plain", "scram-sha-512"]) {
    const { code, message } = await trouble(sasl, "not the right one");
    expect(code, message).toBe("FUSTOR_SENDER_KEY_REFUSED");
    expect(message).not.toContain("not the right one");
  }
  const untrusted = await trouble("plain", PASSWORD, { ca_file: undefined });
  expect(untrusted.code).toBe("FUSTOR_SENDER_UNREACHABLE");
  expect(untrusted.message).toContain("driver_params.ca_file");
  const plain = await trouble("plain", PASSWORD, { tls: false });
  expect(plain.code).toBe("FUSTOR_SENDER_UNREACHABLE");
  expect(`${untrusted.message} ${plain.message}`).not.toContain(PASSWORD);
});
