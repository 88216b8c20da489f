import { expect, test } from "vitest";
import { publicAddress, publicText } from "../../../src/sdk/public-address.ts";

test.each([
  ["http://u:p@host:1/x", "http://host:1/x"],
  ["https://token@host", "https://host"],
  ["http://host/a@b", "http://host/a@b"],
  ["http://host?x=a@b", "http://host?x=***"],
  ["/data/a@b", "/data/a@b"],
  ["/data/what?is=this#1", "/data/what?is=this#1"],
  ["mysql://root:p@ss@db:3306", "mysql://db:3306"],
  ["postgres://me:se/cr?et@db/x", "postgres://db/x"],
  ["postgres://db/x?user=me&password=secret&ssl", "postgres://db/x?user=***&password=***&***"],
  ["s3://bucket/prefix?X-Amz-Signature=secret#secret", "s3://bucket/prefix?X-Amz-Signature=***#***"],
  ["password=secret;server=db", "password=***;server=db"],
  ["jdbc:sqlserver://db;user=me;password=secret;encrypt=true", "jdbc:sqlserver://db;user=me;password=***;encrypt=true"],
  ["me:secret@tcp(db:3306)/x?token=secret", "tcp(db:3306)/x?token=***"],
  ["custom://my-stream", "custom://my-stream"],
  ["echo:", "echo:"],
])("%s is shown as %s", (address, shown) => {
  expect(publicAddress(address)).toBe(shown);
});

test.each([
  ["no connection to postgres://me:secret@db/x: refused", "no connection to postgres://db/x: refused"],
  ["failed (GET https://db/x?token=secret).", "failed (GET https://db/x?token=***)."],
  ['{"a":"redis://:secret@db","b":"c@d"}', '{"a":"redis://db","b":"c@d"}'],
  [
    "at f (file:///h/node_modules/@x/fustor-source-a/index.js:1:2)",
    "at f (file:///h/node_modules/@x/fustor-source-a/index.js:1:2)",
  ],
])("a text %s is shown as %s", (text, shown) => {
  expect(publicText(text)).toBe(shown);
});
