// A consumer of a topic of @fustor/sender-kafka: it reads the topic from its start, goes on with what comes, and answers
// with the picture that it holds. `node consumer.mjs host:9092 topic [port]`; GET /tree prints it, a row a line.
// docs/consumer-guide.md explains it.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Consumer, MessagesStreamModes, stringDeserializers } from "@platformatic/kafka";

const [broker = "localhost:9092", topic = "fustor.agent.pipe", port = "9001"] = process.argv.slice(2);
/** For each partition: key -> row. A tombstone of one partition says nothing of another. */
const partitions = new Map();

function take({ partition, key, value }) {
  if (!partitions.has(partition)) partitions.set(partition, new Map());
  const rows = partitions.get(partition);
  // A tombstone has no value.
  if (value) rows.set(key, JSON.parse(value));
  else rows.delete(key);
}

const consumer = new Consumer({
  // Nothing is committed: each start reads everything, and a group of its own gets all partitions.
  groupId: `picture-${randomUUID()}`,
  clientId: "picture",
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
});
const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: false });
stream.on("data", take);
stream.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});

const server = createServer((_, response) => {
  const rows = [...partitions.values()].flatMap((each) => [...each.values()]);
  response.end(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/tree`);
});
