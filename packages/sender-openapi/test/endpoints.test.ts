import { describe, expect, it } from "vitest";
import { findEndpoints, type Written } from "../src/endpoints.ts";
import { documentOf } from "./service.ts";

const URL_OF = "https://h.example/docs/openapi.json";
const find = (document: unknown, written: Written = {}) =>
  findEndpoints(document, { name: URL_OF, url: URL_OF, written });

const post = { post: {} };
const get = { get: {} };

describe("endpoints", () => {
  it("are found by the extensions of either generation, beside the paths or in the first server", () => {
    const paths = { "/a": post, "/b": get, "/c": post, "/d": post };
    const beside = {
      "x-fuagent-ingest-batch-endpoint": "/a",
      "x-fuagent-status-endpoint": "/b",
      "x-fuagent-open-session-endpoint": "/c",
      "x-fuagent-heartbeat-endpoint": "/d",
    };
    const inServer = Object.fromEntries(
      Object.entries(beside).map(([name, path]) => [name.replace("fuagent", "fustor_agent"), path]),
    );
    for (const document of [
      { paths, ...beside },
      { paths, servers: [{ url: "/", ...inServer }] },
    ]) {
      const { ingest, status, session, heartbeat } = find(document);
      expect([ingest.url, status?.url, session?.url, heartbeat?.url]).toEqual(
        ["a", "b", "c", "d"].map((path) => `https://h.example/${path}`),
      );
    }
  });

  it("are found by operationIds, which go before paths", () => {
    const document = { paths: { "/events": post, "/x": { post: { operationId: "ingestBatch" } } } };
    expect(find(document).ingest.path).toBe("/x");
  });

  it.each([
    [{ "/v1/events/": post, "/ingest-batch": post }, "/ingest-batch"],
    [{ "/v1/events/": post, "/batch": post }, "/v1/events/"],
    [{ "/batch": post, "/events": get }, "/batch"],
  ])("are found by their paths: %j", (paths, path) => {
    expect(find({ paths }).ingest.path).toBe(path);
  });

  it("a heartbeat of sessions is not what opens one, and DELETE of a session closes it", () => {
    const paths = {
      "/sessions/{session_id}/heartbeat": post,
      "/sessions/": post,
      "/sessions/{session_id}": { delete: {} },
      "/events/position": get,
      "/events": post,
    };
    const { session, heartbeat, close, status } = find({ paths });
    expect([session?.path, heartbeat?.path, close?.path, status?.path]).toEqual([
      "/sessions/",
      "/sessions/{session_id}/heartbeat",
      "/sessions/{session_id}",
      "/events/position",
    ]);
  });

  it("are what the configuration names, by path or operationId, or none", () => {
    const document = documentOf({ "/mine": { post: { operationId: "mine" } } });
    expect(find(document, { ingest: "/mine" }).ingest.path).toBe("/mine");
    const { ingest, session, status } = find(document, { ingest: "mine", session: "none", status: "none" });
    expect([ingest.path, session, status]).toEqual(["/mine", undefined, undefined]);
  });

  it.each<[unknown, Written, string]>([
    [{}, {}, `${URL_OF} is no OpenAPI document: it has no "paths"`],
    [{ paths: { "/x": get } }, {}, `${URL_OF} does not say where batches go`],
    [{ paths: { "/x": post } }, {}, "it has POST /x"],
    [{ paths: { "/x": post } }, { ingest: "/y" }, `driver_params.ingest names "/y", but "paths" has no POST /y`],
    [{ paths: { "/x": post } }, { ingest: "none" }, `no POST operation "none"`],
    [
      documentOf({}, { "x-fuagent-status-endpoint": "/gone" }),
      {},
      `x-fuagent-status-endpoint names "/gone", but "paths" has no GET /gone (it has GET /pipeline-status)`,
    ],
    [
      documentOf({}, { servers: [{ url: "https://other.example/api" }] }),
      {},
      "servers[0].url leads to https://other.example, another origin than the document's",
    ],
  ])("that are missing or elsewhere are an error that says what: %j %j", (document, written, message) => {
    expect(() => find(document, written)).toThrow(message);
  });

  it.each([
    ["/api/", URL_OF, "https://h.example/api/ingest-batch"],
    ["v2", URL_OF, "https://h.example/docs/v2/ingest-batch"],
    ["https://h.example:443/v1", URL_OF, "https://h.example/v1/ingest-batch"],
    ["https://f.example/v1", undefined, "https://f.example/v1/ingest-batch"],
  ])("lie below servers[0].url: %s", (url, documentUrl, expected) => {
    const document = documentOf({}, { servers: [{ url }] });
    expect(findEndpoints(document, { name: "d", url: documentUrl, written: {} }).ingest.url).toBe(expected);
  });

  it("of a file need a whole address", () => {
    const place = { name: "/d.json", url: undefined };
    expect(() => findEndpoints(documentOf(), { ...place, written: {} })).toThrow("is no whole address");
    const { ingest } = findEndpoints(documentOf(), { ...place, written: { server: "http://s:1/base/" } });
    expect(ingest.url).toBe("http://s:1/base/ingest-batch");
  });
});

describe("the header of a key", () => {
  const withSchemes = (...schemes: readonly object[]) =>
    documentOf({}, { components: { securitySchemes: { ...schemes } } });
  const apiKey = { type: "apiKey", in: "header", name: "X-API-Key" };

  it.each([
    [withSchemes(), undefined],
    [withSchemes(apiKey), "X-API-Key"],
    [withSchemes(apiKey, { type: "http", scheme: "Bearer" }), undefined],
    [withSchemes({ ...apiKey, in: "query" }), undefined],
    [withSchemes({ ...apiKey, name: "a: b\r\n" }), undefined],
  ])("is what the document asks for (%#)", (document, expected) => {
    expect(find(document).keyHeader).toBe(expected);
    expect(find(document, { key_header: "X-Mine" }).keyHeader).toBe("X-Mine");
  });
});
