/** The source driver `mysql`, for MySQL and MariaDB: see the readme of this package. */
import { sourceModule } from "fustor-agent/sdk";
import { MysqlSource } from "./mysql-source.ts";
import { check, inspect, readerIdOf, schema, targetOf } from "./params.ts";
import { PATH } from "./rows.ts";

export default sourceModule({
  kind: "source",
  name: "mysql",
  aliases: ["mariadb"],
  rowKey: PATH,
  schema,
  check,
  inspect,
  create: async ({ id, logger, store }, { uri, credential, params }) =>
    new MysqlSource({
      id,
      uri,
      target: targetOf(uri, credential, params),
      readerId: params.server_id ?? readerIdOf(id),
      params,
      logger,
      ...(store === undefined ? {} : { store }),
    }),
});
