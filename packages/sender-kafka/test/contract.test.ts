/** The contract of a sender, over a real broker. */
import type { Row } from "fustor-agent/sdk";
import { describeSender } from "fustor-agent/sdk/testing";
import { afterAll, beforeAll } from "vitest";
import driver from "../src/index.ts";
import { KafkaBroker } from "./kafka-broker.ts";
import { readTopic } from "./read-topic.ts";

let broker: KafkaBroker;
let topics = 0;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});
afterAll(async () => {
  await broker?.end();
});

/** A topic. One that is taken away is one of a port at which nothing listens. */
class World {
  readonly topic = `contract-${++topics}`;

  async received(): Promise<readonly Row[]> {
    const { records } = await readTopic(broker.port, this.topic);
    return records.map(({ value }) => JSON.parse(value ?? "null") as Row);
  }
}

describeSender(
  (world, context) => {
    const params = driver.schema.parse({ topic: world.topic });
    return driver.create(context, { uri: broker.uri, params, timeoutMs: 10_000 });
  },
  () => new World(),
);
