/** What the settings of a server and of the configuration have to be, without a server. */
import { expect, test } from "vitest";
import driver from "../src/index.ts";
import { demandSettings } from "../src/server.ts";

const RIGHT: Readonly<Record<string, string>> = {
  log_bin: "ON",
  binlog_format: "ROW",
  binlog_row_image: "FULL",
  binlog_row_metadata: "FULL",
  server_id: "1",
  gtid_mode: "ON",
  binlog_transaction_compression: "OFF",
  binlog_row_value_options: "",
};

const complaint = (flavor: "mysql" | "mariadb", settings: Readonly<Record<string, string>>): string => {
  try {
    demandSettings(flavor, "8.0.0", new Map(Object.entries(settings)));
    return "";
  } catch (error) {
    return String(error);
  }
};

test.each([
  ["gtid_mode", "OFF", "SET PERSIST gtid_mode = ON_PERMISSIVE; SET PERSIST gtid_mode = ON"],
  ["binlog_transaction_compression", "ON", "run: SET GLOBAL binlog_transaction_compression = 'OFF'"],
  ["binlog_row_value_options", "PARTIAL_JSON", "run: SET GLOBAL binlog_row_value_options = ''"],
  ["server_id", "0", "server_id is 0, so the server sends its log to no reader; run: SET GLOBAL server_id = 1"],
])("MySQL with %s as %s", (name, wrong, cure) => {
  expect(complaint("mysql", RIGHT)).toBe("");
  expect(complaint("mysql", { ...RIGHT, [name]: wrong })).toContain(cure);
});

test("a server that is too old is said to be", () => {
  const { binlog_row_metadata: _, gtid_mode: __, ...old } = RIGHT;
  expect(complaint("mariadb", old)).toContain("it has to be MySQL 8.0 or MariaDB 10.5, or later");
});

test.each([
  [{ uri: "mysql://h" }, "uri is no address of a database; write mysql://host:3306/database"],
  [{ uri: "mysql://u:p@h/d" }, "uri holds a password; write user and passwd in credential, the latter as"],
  [{ uri: "mysql://10.0.0.1/d", params: { sslmode: "verify-full" } }, "write the name that the certificate has"],
  [
    { uri: "mysql://h/d", params: { sslmode: "disable" } },
    "sends the password's proof and all rows without encryption",
  ],
])("the entry %j is told what is wrong", ({ uri, params = {} }: { uri: string; params?: object }, said) => {
  const heard: string[] = [];
  const tell = (key: string, what: string, cure: string): void => void heard.push(`${key} ${what}; ${cure}`);
  const check = {
    isWritten: () => true,
    variable: () => undefined,
    expand: (text: string) => text,
    error: tell,
    warn: tell,
  };
  driver.check?.({ uri, params: driver.schema.parse(params) }, check);
  expect(heard.join()).toContain(said);
});
