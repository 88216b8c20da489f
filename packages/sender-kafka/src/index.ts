/** The sender driver kafka: a compacted topic that equals the tree. */
import { inspectCaFile, omitUndefined, senderModule } from "fustor-agent/sdk";
import { checkEntry } from "./check-entry.ts";
import { kafkaParams } from "./params.ts";
import { KafkaSender } from "./sender.ts";

export default senderModule({
  kind: "sender",
  name: "kafka",
  aliases: [],
  schema: kafkaParams,
  check: checkEntry,
  inspect: async ({ params }) => inspectCaFile(params.ca_file),
  create: async (context, { uri, credential, timeoutMs, params }) =>
    new KafkaSender(context, omitUndefined({ uri, credential, timeoutMs, params })),
});
