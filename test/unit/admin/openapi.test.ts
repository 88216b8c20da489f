import { expect, test } from "vitest";
import { openApiDocument } from "../../../src/admin/openapi.ts";
import { ROUTES } from "../../../src/admin/routes.ts";

test("the document in docs/admin-api.json is the one that the agent serves", async () => {
  const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
  // Written anew by `npx vitest run --project unit test/unit/admin -u`.
  await expect(text).toMatchFileSnapshot("../../../docs/admin-api.json");
});

test("every route names what it takes in its address, and no two are the same", () => {
  for (const { path, params } of ROUTES) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(params?.shape ?? {}), path).toEqual(named);
  }
  const addresses = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(new Set(addresses).size).toBe(addresses.length);
});
