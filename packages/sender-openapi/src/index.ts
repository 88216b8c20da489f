/** The sender driver openapi: batches to any HTTP service whose OpenAPI document names where they go. */
import { inspectCaFile, omitUndefined, senderModule } from "fustor-agent/sdk";
import { checkEntry } from "./check-entry.ts";
import { inspectDocument } from "./document.ts";
import { openApiParams } from "./params.ts";
import { OpenApiSender } from "./sender.ts";

export default senderModule({
  kind: "sender",
  name: "openapi",
  aliases: [],
  schema: openApiParams,
  check: checkEntry,
  inspect: async ({ uri, params }) => [...inspectCaFile(params.ca_file), ...(await inspectDocument(uri, params))],
  create: async (context, { uri, credential, timeoutMs, params }) =>
    new OpenApiSender(context, omitUndefined({ uri, credential, timeoutMs, params })),
});
