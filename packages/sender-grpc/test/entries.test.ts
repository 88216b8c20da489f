/** What the configuration may hold. */
import { expect, test } from "vitest";
import { entryCheck } from "../../../test/support/entry-check.ts";
import { checkEntry } from "../src/check-entry.ts";
import driver from "../src/index.ts";
import receiver from "../src/receiver/index.ts";
import { tlsFile } from "./fixture.ts";

const params = driver.schema.parse({});

function checked(uri: string, key = "push-key-1") {
  const desk = entryCheck({ written: ["credential"] });
  const entry = checkEntry({ uri, credential: { kind: "key", key }, params }, desk.check);
  return { uri: entry?.uri, errors: desk.errors, warnings: desk.warnings };
}

test.each([
  ["grpc://localhost:9000/", "grpc://localhost:9000"],
  ["grpcs://fusion.example", "grpcs://fusion.example:8103"],
  ["grpc://[::1]:7", "grpc://[::1]:7"],
])("the address %s is taken as %s", (written, uri) => {
  expect(checked(written)).toEqual({ uri, errors: [], warnings: [] });
});

test.each([
  ["http://localhost:9000", "neither a grpc nor a grpcs address"],
  ["localhost:9000", "neither a grpc nor a grpcs address"],
  ["grpc://user:secret@localhost", "holds a user or password"],
  ["grpc://localhost:1/path", "something behind the port"],
])("the address %s is refused", (written, what) => {
  const { uri, errors } = checked(written);
  expect(uri).toBeUndefined();
  expect(errors).toEqual([expect.stringContaining(what)]);
  expect(errors.join()).not.toContain("secret");
});

test("a key without TLS to another machine is warned of, and one that no metadata carries refused", () => {
  expect(checked("grpc://fusion.example:8103").warnings).toEqual([expect.stringContaining("without TLS")]);
  expect(checked("grpcs://fusion.example:8103", "ключ-ключ").errors).toEqual([
    expect.stringContaining("outside ASCII"),
  ]);
  expect(checked("grpcs://fusion.example:8103", "abc").errors).toEqual([expect.stringContaining("too short")]);
});

test("a receiver has a certificate with its key, and nothing that it does not know", () => {
  const complaintsOf = (written: object) =>
    receiver.schema.safeParse(written).error?.issues.map(({ message }) => message);
  expect(complaintsOf({})).toBeUndefined();
  expect(complaintsOf({ cert_file: tlsFile("server.pem"), key_file: tlsFile("server.key") })).toBeUndefined();
  expect(complaintsOf({ cert_file: tlsFile("server.pem") })?.[0]).toContain("write both");
  expect(complaintsOf({ client_ca_file: tlsFile("ca.pem") })?.[0]).toContain("write a certificate");
  expect(complaintsOf({ cert: "x" })?.[0]).toContain('unknown key "cert"');
  expect(complaintsOf({ cert_file: "x", key_file: "/y" })?.[0]).toContain("not an absolute path");
});
