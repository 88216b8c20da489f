/** What a server answers to a query about a directory. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { fusionEndpoint } from "../../../../../src/senders/fusion/fusion-options.ts";
import { ViewTree } from "../../../../../src/senders/fusion/view/view-tree.ts";

const folder = (path: string, ...children: readonly object[]): object => ({
  ...{ path, content_type: "directory", size: 0, modified_time: 1 },
  children,
});

async function treeOf(answer: string): Promise<ViewTree> {
  const server = createServer((_, to) => to.end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tree = new ViewTree(fusionEndpoint({ uri, key: "a-key-of-the-test", timeoutMs: 20_000 }), "view");
  onTestFinished(async () => {
    await tree.close();
    server.closeAllConnections();
    server.close();
  });
  return tree;
}

const options = { signal: new AbortController().signal };

test("an answer that is good is listed", async () => {
  const tree = await treeOf(JSON.stringify(folder("/d", folder("/d/e"))));
  expect(await tree.list("/d", options)).toMatchObject({ self: { path: "/d" }, entries: [{ path: "/d/e" }] });
});

test.each([
  "",
  "maintenance",
  "null",
  JSON.stringify(folder("/other", folder("/other/e"))),
  JSON.stringify(folder("/")),
])("an answer that is no tree of the directory is no empty directory: %s", async (answer) => {
  const tree = await treeOf(answer);
  await expect(tree.list("/d", options)).rejects.toThrow("something else than the tree");
});
