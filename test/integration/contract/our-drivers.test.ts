/** The drivers that come with the agent keep the contracts that installed ones are asked to keep. */
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import type { FsRow, Logger, Row } from "../../../src/sdk/index.ts";
import {
  describeSender,
  describeSource,
  type SenderWorld,
  type SourceWorld,
} from "../../../src/sdk/testing/contract-suites.ts";
import { EchoSender } from "../../../src/senders/echo/echo-sender.ts";
import { fusionDriver } from "../../../src/senders/fusion/fusion-driver.ts";
import { fsSourceAt } from "../../support/fs-source-at.ts";
import { startRecordingReceiver } from "../../support/recording-receiver.ts";
import { createTempFolder } from "../../support/temp-tree.ts";

class Directory implements SourceWorld {
  readonly root = createTempFolder("contract");
  readonly keyOutside = "/../outside";
  #made = 0;

  constructor() {
    mkdirSync(join(this.root, "d"));
    writeFileSync(join(this.root, "d", "a"), "1");
  }

  keys(): readonly string[] {
    return ["/", ...readdirSync(this.root, { recursive: true }).map((path) => `/${String(path)}`)];
  }

  keyOf(row: Row): string {
    return (row as FsRow).path;
  }

  add(): string {
    const key = `/d/made-${++this.#made}`;
    writeFileSync(join(this.root, key), "new");
    return key;
  }

  change(key: string): void {
    appendFileSync(join(this.root, key), "more");
  }

  remove(key: string): void {
    rmSync(join(this.root, key));
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

describe("fs", () => {
  describeSource(
    (world) => fsSourceAt(world.root),
    () => new Directory(),
  );
});

/** What the echo sender prints of each batch is its first row. */
class EchoLog implements SenderWorld {
  readonly #rows: Row[] = [];
  readonly logger: Logger = {
    debug: () => undefined,
    info: (_, message) => {
      const [, text] = /first row: (.*)$/s.exec(message) ?? [];
      if (text !== undefined) this.#rows.push(JSON.parse(text) as Row);
    },
    warn: () => undefined,
    error: () => undefined,
    child: () => this.logger,
  };

  received(): readonly Row[] {
    return this.#rows;
  }
}

describe("echo", () => {
  describeSender(
    (world, context) => new EchoSender({ ...context, logger: world.logger }),
    () => new EchoLog(),
  );
});

/** A real server on loopback that answers like Fusion. */
async function receiverWorld() {
  const receiver = await startRecordingReceiver();
  const received = (): readonly Row[] =>
    receiver.of("ingest").flatMap((request) => {
      const { events } = request.json() as { readonly events: readonly { readonly rows: readonly Row[] }[] };
      return events.flatMap(({ rows }) => rows);
    });
  return { url: receiver.url, received, takeAway: () => receiver.close(), close: () => receiver.close() };
}

describe("fusion", () => {
  describeSender(async ({ url }, context) => {
    const params = fusionDriver.schema.parse({});
    const credential = { kind: "key", key: "a-push-key" } as const;
    return fusionDriver.create(context, { uri: url, credential, params, timeoutMs: 3000 });
  }, receiverWorld);
});
