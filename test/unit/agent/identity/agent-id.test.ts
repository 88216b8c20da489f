import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadAgentId } from "../../../../src/agent/identity/agent-id.ts";
import { freshFolder } from "../folder.ts";

test("the first start makes a uuid and later starts keep it", async () => {
  const home = await freshFolder();
  const id = await loadAgentId(home);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await loadAgentId(home)).toBe(id);
  expect((await readFile(join(home, "agent.id"), "utf8")).trim()).toBe(id);
});

test("the id of an earlier release is kept", async () => {
  const home = await freshFolder();
  await writeFile(join(home, "agent.id"), "node-7");
  expect(await loadAgentId(home)).toBe("node-7");
});

test.each([[""], ["  \n"], ["two words"], ["a/b"], ["x".repeat(200)]])(
  "an id file with %j gets a new id",
  async (text) => {
    const home = await freshFolder();
    await writeFile(join(home, "agent.id"), text);
    expect(await loadAgentId(home, () => "fresh")).toBe("fresh");
    expect(await loadAgentId(home)).toBe("fresh");
  },
);
