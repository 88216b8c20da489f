/** The source driver `postgres`: see the readme of this package. */
import { sourceModule } from "fustor-agent/sdk";
import { check, schema, targetOf } from "./params.ts";
import { PostgresSource } from "./postgres-source.ts";
import { PATH } from "./tables.ts";

/** A slot belongs to one source of one agent; the id is what tells sources apart. */
const slotOf = (id: string): string => `fustor_${id.toLowerCase().replace(/[^a-z0-9_]/g, "_")}`.slice(0, 63);

export default sourceModule({
  kind: "source",
  name: "postgres",
  aliases: ["postgresql"],
  rowKey: PATH,
  schema,
  check,
  create: async ({ id, logger }, { uri, credential, params }) =>
    new PostgresSource({
      uri,
      target: targetOf(uri, credential, params),
      slot: params.slot ?? slotOf(id),
      params,
      logger,
    }),
});
