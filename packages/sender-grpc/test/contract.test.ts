import type { OpenReceiver } from "fustor-agent/sdk";
import { describeSender, type SenderWorld } from "fustor-agent/sdk/testing";
import { describe } from "vitest";
import driver from "../src/index.ts";
import { KEY, openTo, RecordingDesk, tlsFile } from "./fixture.ts";

class World implements SenderWorld {
  readonly #desk: RecordingDesk;
  readonly #open: OpenReceiver;
  constructor(desk: RecordingDesk, open: OpenReceiver) {
    this.#desk = desk;
    this.#open = open;
  }
  get url(): string {
    return this.#open.url;
  }
  received = () => this.#desk.rows();
  takeAway = () => this.#open.close();
  close = () => this.#open.close();
}

async function world(params: object = {}): Promise<World> {
  const desk = new RecordingDesk();
  return new World(desk, await openTo(desk, params));
}

const credential = { kind: "key", key: KEY } as const;

describe("without TLS", () => {
  describeSender<World>(
    ({ url }, context) =>
      driver.create(context, { uri: url, credential, params: driver.schema.parse({}), timeoutMs: 5000 }),
    () => world(),
  );
});

describe("with TLS", () => {
  const params = driver.schema.parse({ ca_file: tlsFile("ca.pem") });
  describeSender<World>(
    ({ url }, context) => driver.create(context, { uri: url, credential, params, timeoutMs: 5000 }),
    () => world({ cert_file: tlsFile("server.pem"), key_file: tlsFile("server.key") }),
  );
});
