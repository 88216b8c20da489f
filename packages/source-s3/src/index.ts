/** The source driver `s3`: see the readme of this package. */
import { sourceModule } from "fustor-agent/sdk";
import { Client } from "./client.ts";
import { wantedBy } from "./exclude.ts";
import { check, placeOf, schema } from "./params.ts";
import { S3Source } from "./s3-source.ts";

export default sourceModule({
  kind: "source",
  name: "s3",
  aliases: ["oss", "source_oss"],
  rowKey: "path",
  schema,
  check,
  create: async ({ id: _, logger, indexPath }, { uri, credential, params }) => {
    const client = new Client({ uri, params, credential });
    return new S3Source({
      uri,
      client,
      logger,
      indexPath,
      prefix: placeOf(uri)?.prefix ?? "",
      intervalMs: params.interval_sec * 1000,
      parallel: params.parallel,
      isWanted: wantedBy(params.exclude),
      scope: JSON.stringify([uri, params.endpoint ?? null, params.exclude]),
    });
  },
});
