/** The sender driver grpc: sessions and batches over gRPC to a receiver of Fusion. */
import { inspectCaFile, omitUndefined, senderModule } from "fustor-agent/sdk";
import { checkEntry } from "./check-entry.ts";
import { grpcParams } from "./params.ts";
import { GrpcSender } from "./sender.ts";

export default senderModule({
  kind: "sender",
  name: "grpc",
  aliases: [],
  schema: grpcParams,
  check: checkEntry,
  inspect: async ({ params }) => inspectCaFile(params.ca_file),
  create: async ({ logger }, { uri, credential, timeoutMs, params }) => {
    const key = credential?.kind === "key" ? credential.key : undefined;
    return new GrpcSender(omitUndefined({ uri, key, timeoutMs, params }), logger);
  },
});
