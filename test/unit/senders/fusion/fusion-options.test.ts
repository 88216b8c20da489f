import { describe, expect, it } from "vitest";
import { fusionEndpoint } from "../../../../src/senders/fusion/fusion-options.ts";

const endpoint = (uri: string, over: object = {}) => fusionEndpoint({ uri, timeoutMs: 30_000, ...over });
const invalid = expect.objectContaining({ code: "FUSTOR_CONFIG_INVALID" });

it.each([
  ["http://localhost:8102", "http://localhost:8102", "", "localhost:8102"],
  ["http://localhost:8102/", "http://localhost:8102", "", "localhost:8102"],
  ["https://far/fusion/one//", "https://far", "/fusion/one", "far:443"],
  ["http://far", "http://far", "", "far:80"],
  ["http://[::1]:8102", "http://[::1]:8102", "", "[::1]:8102"],
])("takes %s apart", (uri, origin, basePath, address) => {
  expect(endpoint(uri)).toMatchObject({ origin, basePath, address });
});

it.each([
  "",
  "localhost:8102",
  "ftp://far/",
  "http://",
  "http://me:secret@far",
  "http://far/?key=secret",
  "http://far/#x",
])("refuses the address %j, without repeating it", (uri) => {
  expect(() => endpoint(uri)).toThrow(invalid);
  expect(() => endpoint(uri)).not.toThrow(/secret/);
});

describe("the key", () => {
  it.each(["with space", "line\nend", "schlüssel"])("%j is refused without being repeated", (key) => {
    expect(() => endpoint("http://far", { key })).toThrow(invalid);
    expect(() => endpoint("http://far", { key })).not.toThrow(new RegExp(key));
  });

  it("counts as absent when it is empty", () => {
    expect(endpoint("http://far", { key: "" }).key).toBeUndefined();
  });
});

describe("the private CA", () => {
  it("must be a certificate", () => {
    expect(() => endpoint("https://far", { ca: "-----BEGIN NONSENSE-----" })).toThrow(/no certificate in PEM form/);
  });

  it.each([
    ["relative.pem", /absolute path/],
    ["/nonexistent/ca.pem", /does not exist/],
    [import.meta.filename, /no certificate in PEM form/],
  ])("from the file %s is refused", (caFile, message) => {
    expect(() => endpoint("https://far", { caFile })).toThrow(message);
  });
});
