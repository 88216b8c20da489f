import { describe, expect, it } from "vitest";
import type { Credential } from "../../../../src/sdk/index.ts";
import { fusionDriver } from "../../../../src/senders/fusion/fusion-driver.ts";
import { fusionParams } from "../../../../src/senders/fusion/fusion-params.ts";
import { entryCheck } from "../../../support/entry-check.ts";

const KEY: Credential = { kind: "key", key: "a-push-key" };

function checked(uri: string, credential: Credential = KEY) {
  const desk = entryCheck({ written: ["credential"] });
  return { ...desk, entry: fusionDriver.check?.({ uri, credential, params: fusionParams.parse({}) }, desk.check) };
}

it.each([
  "",
  "localhost:8102",
  "ftp://far/",
  "http://",
  "http://me:secret@far",
  "http://far/?key=secret",
  "http://far/#x",
])("refuses the address %j, without repeating it", (uri) => {
  const { entry, errors } = checked(uri);
  expect(entry).toBeUndefined();
  expect(errors).toEqual([expect.stringMatching(/^uri: /)]);
  expect(errors.join()).not.toContain("secret");
});

describe("the key", () => {
  it.each(["with space", "line\nend", "schlüssel"])("%j is refused without being repeated", (key) => {
    const { errors } = checked("https://far", { kind: "key", key });
    expect(errors).toEqual([expect.stringMatching(/^credential: holds a space or a letter outside ASCII/)]);
    expect(errors.join()).not.toContain(key);
  });

  it("is what a Fusion takes; a user and password are refused, without being repeated", () => {
    const { errors } = checked("https://far", { kind: "password", user: "me", password: "hush" });
    expect(errors).toEqual([expect.stringMatching(/^credential: .*write credential: \{key: \.\.\.\}/)]);
    expect(errors.join()).not.toContain("hush");
  });
});

it("an address and a key that are right pass as they are, without the last slash", () => {
  const { entry, errors, warnings } = checked("https://far/fusion//");
  expect(entry).toEqual({ uri: "https://far/fusion", credential: KEY, params: { gzip: "auto" } });
  expect([...errors, ...warnings]).toEqual([]);
});

describe("the certificates", () => {
  it("of a relative path are refused", () => {
    const { error } = fusionParams.safeParse({ ca_file: "relative.pem" });
    expect(error?.issues[0]?.message).toMatch(/absolute path/);
  });

  it.each([
    ["/nonexistent/ca.pem", "does not exist"],
    [import.meta.filename, "holds no certificate in PEM form"],
  ])("of %s keep the pipes on them from starting", async (caFile, what) => {
    const params = fusionParams.parse({ ca_file: caFile });
    expect(await fusionDriver.inspect?.({ uri: "https://far", params })).toEqual([
      expect.objectContaining({ key: "driver_params.ca_file", what: `${caFile} ${what}`, outcome: "fail" }),
    ]);
  });
});

describe("how the view is read", () => {
  const query = (written: unknown) => {
    const parsed = fusionParams.safeParse({ query: written });
    if (!parsed.success) return { errors: parsed.error.issues.map(({ message }) => message), warnings: [] };
    const desk = entryCheck({ written: ["credential"] });
    const entry = fusionDriver.check?.({ uri: "https://far", credential: KEY, params: parsed.data }, desk.check);
    return { errors: desk.errors, warnings: desk.warnings, query: entry?.params.query };
  };

  it("passes as it is, without the last slash, and without a proxy unless there is one", () => {
    const written = { endpoint: "https://far:8101/", key: "a-read-key", view: "v" };
    expect(query(written)).toEqual({
      errors: [],
      warnings: [],
      query: { ...written, endpoint: "https://far:8101", proxy: "none" },
    });
  });

  it("names what is wrong without repeating it", () => {
    expect(query("text").errors).toEqual([expect.stringContaining("no set of keys")]);
    expect(query({ password: "hush" }).errors).toEqual([expect.stringContaining('unknown key "password"')]);
    for (const wrong of [
      { endpoint: "ftp://hush" },
      { endpoint: "http://me:hush@far" },
      { key: "hush hush" },
      { key: "hush" },
    ]) {
      const { errors } = query(wrong);
      expect(errors).toEqual([expect.stringMatching(/^driver_params\.query: /)]);
      expect(errors.join()).not.toContain("hush");
    }
  });

  it("warns of a key over plain http", () => {
    expect(query({ endpoint: "http://far:8101" }).warnings).toEqual([expect.stringContaining("plain http")]);
    expect(query({ endpoint: "http://localhost:8101" }).warnings).toEqual([]);
  });
});
