/** What docs/consumer-guide.md shows is sent, typed and compared. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { killChildren } from "../../../test/support/child-process.ts";
import { createTempFolder, growTree, removeTempFolders } from "../../../test/support/temp-tree.ts";
import { findEndpoints } from "../src/endpoints.ts";
import { Agent, RECEIVERS, Receiver, type ReceiverName, waitUntilEqual } from "./receivers.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
/** The section for consumers of a topic is tried by packages/sender-kafka. */
const [GUIDE = ""] = readFileSync(join(ROOT, "docs/consumer-guide.md"), "utf8").split("## A consumer of a topic");

interface Block {
  readonly language: string;
  readonly text: string;
}

const BLOCKS: readonly Block[] = [...GUIDE.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(
  ([, language = "", text = ""]) => ({
    language,
    text: text.trim(),
  }),
);

/** The only block with these words. */
function blockWith(words: string): string {
  const found = BLOCKS.filter(({ text }) => text.includes(words));
  expect(found).toHaveLength(1);
  return found[0]?.text ?? "";
}

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

const parsed = (text: string): unknown => JSON.parse(text) as unknown;
const lines = (text: string): unknown[] => text.trim().split("\n").map(parsed);

/** Every block from the first batch on is sent to the receiver, typed into a shell, or what must come out of it. */
async function play(receiver: Receiver, { language, text }: Block, said: string): Promise<string> {
  if (text.includes('"events"')) {
    const url = new URL("/ingest-batch", receiver.uri);
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", headers, body: text })).text();
  }
  if (language === "sh") {
    const typed = text.replace("http://127.0.0.1:9000", new URL(receiver.uri).origin);
    return execFileSync("sh", ["-c", typed], { encoding: "utf8" });
  }
  if (language === "jsonl") expect(lines(await receiver.get("/tree"))).toEqual(lines(text));
  else expect(parsed(said)).toEqual(parsed(text));
  return said;
}

test.each(Object.keys(RECEIVERS) as ReceiverName[])("%s answers as the guide says", async (name) => {
  const receiver = await new Receiver(name).start();
  let said = "";
  const first = BLOCKS.findIndex(({ text }) => text.includes('"sequence": 1'));
  expect(BLOCKS.slice(first).length).toBeGreaterThanOrEqual(14);
  for (const block of BLOCKS.slice(first)) said = await play(receiver, block, said);
});

test("the document of the guide is enough, and the receivers' own names the same paths", () => {
  const place = { name: "guide", url: "http://127.0.0.1:9000/openapi.json", written: {} };
  const { keyHeader, ...guides } = findEndpoints(parsed(blockWith('"openapi"')), place);
  expect(guides).toMatchObject({
    ingest: { url: "http://127.0.0.1:9000/ingest-batch" },
    status: { path: "/pipeline-status" },
    heartbeat: { path: "/heartbeat" },
    session: undefined,
  });
  const own = parsed(readFileSync(join(ROOT, "examples/receiver/openapi.json"), "utf8"));
  expect(findEndpoints(own, place)).toEqual({ keyHeader, ...guides });
});

test("the configuration of the guide sends a tree to the receiver of the guide", async () => {
  expect(blockWith("node examples/")).toBe("node examples/receiver/receiver.mjs 9000");
  const receiver = await new Receiver("receiver.mjs").start();
  const root = createTempFolder("guided");
  growTree(root, { seed: 5, files: 30 });
  // Only the port may be taken on this machine.
  const yaml = blockWith("driver: openapi").replace("/data/research", root);
  const agent = new Agent(yaml.replace("http://127.0.0.1:9000/openapi.json", receiver.uri)).start();
  writeFileSync(join(root, "fresh"), "new");
  await waitUntilEqual({ receiver, root, agent }, "the tree of the guide");
  expect(await agent.stop()).toBe(0);
});
