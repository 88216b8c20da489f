import type { FustorErrorCode } from "fustor-agent/sdk";
import { describe, expect, it } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { answers, failureOf, live, opened, signal } from "./sender-fixture.ts";
import { type Answer, plainDocument, type Service } from "./service.ts";

const INGEST = "POST /ingest-batch";
const CONTENT = { snapshotNeeded: false };

describe("answers of a batch", () => {
  it.each<[Answer, FustorErrorCode, string]>([
    [{ status: 400, body: { detail: "no such column" } }, "FUSTOR_BATCH_REFUSED", "no such column"],
    [{ status: 422 }, "FUSTOR_BATCH_REFUSED", "POST http://127.0.0.1"],
    [{ status: 413 }, "FUSTOR_BATCH_TOO_LARGE", "too large"],
    [{ status: 401 }, "FUSTOR_SENDER_KEY_REFUSED", "refuses the credential"],
    [{ status: 404 }, "FUSTOR_SESSION_LOST", "/ingest-batch"],
    [{ status: 410 }, "FUSTOR_SESSION_LOST", "session"],
    [{ status: 419 }, "FUSTOR_SESSION_LOST", "session"],
    [{ status: 503, headers: { "retry-after": "7" } }, "FUSTOR_SENDER_BUSY", "asks to wait"],
    [{ status: 500 }, "FUSTOR_SENDER_UNREACHABLE", "has trouble"],
    [{ status: 302, headers: { location: "/other" } }, "FUSTOR_SENDER_BAD_ANSWER", "/other"],
    [{ body: "<html>welcome</html>" }, "FUSTOR_SENDER_BAD_ANSWER", "does a proxy answer"],
    [{ body: [1] }, "FUSTOR_SENDER_BAD_ANSWER", "no JSON object"],
    [{ body: { status: "error" } }, "FUSTOR_SENDER_BAD_ANSWER", "error"],
    [{ body: "x".repeat(1_100_000) }, "FUSTOR_SENDER_BAD_ANSWER", "longer than 1 MiB"],
    [{ headers: { "content-encoding": "br" } }, "FUSTOR_SENDER_BAD_ANSWER", "encoded"],
    [{ instead: "close" }, "FUSTOR_SENDER_UNREACHABLE", "ECONNRESET"],
  ])("number %# is told from all others", async (answer, code, text) => {
    const { service, sender, sessionId } = await opened();
    answers(service, INGEST, answer);
    const failed = await failureOf(sender.push(sessionId, live(), { signal }));
    expect([failed.code, failed.message]).toEqual([code, expect.stringContaining(text)]);
    if (code === "FUSTOR_SENDER_BUSY") expect(failed.retryAfterMs).toBe(7000);
    service.rule = () => undefined;
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
  });

  it("a 404 of a service without sessions is no lost session but a wrong document", async () => {
    const { service, sender, sessionId } = await opened(plainDocument());
    answers(service, INGEST, { status: 404 });
    const { code } = await failureOf(sender.push(sessionId, live(), { signal }));
    expect(code).toBe("FUSTOR_SENDER_BAD_ANSWER");
  });
});

const untilAsked = (service: Service) =>
  waitFor(() => service.of(INGEST).length === 1, { timeoutMs: 5000, what: "the batch arrives" });

describe("a call that ends early", () => {
  it("after its time leaves no connection behind, and the next one has a fresh one", async () => {
    const { service, sender, sessionId } = await opened(undefined, { timeoutMs: 1000 });
    const before = service.connections;
    answers(service, INGEST, { instead: "hang" });
    const { code, message } = await failureOf(sender.push(sessionId, live(), { signal }));
    expect(code).toBe("FUSTOR_SENDER_UNREACHABLE");
    expect(message).toContain("did not answer within 1 s (POST /ingest-batch)");
    await waitFor(() => service.connections === before, { timeoutMs: 5000, what: "the connection is gone" });
    service.rule = () => undefined;
    expect(await sender.push(sessionId, live(), { signal })).toEqual(CONTENT);
  });

  it("by its signal does so at once, and no heartbeat waits for it", async () => {
    const { service, sender, sessionId } = await opened(undefined, { timeoutMs: 60_000 });
    const before = service.connections;
    answers(service, INGEST, { instead: "hang" });
    const abort = new AbortController();
    const pushing = failureOf(sender.push(sessionId, live(), { signal: abort.signal }));
    await untilAsked(service);
    await sender.heartbeat(sessionId, { canRealtime: true }, { signal });
    abort.abort();
    expect((await pushing).code).toBe("FUSTOR_ABORTED");
    const isGone = () => service.connections === before + 1;
    await waitFor(isGone, { timeoutMs: 5000, what: "the connection of the batch is gone" });
  });

  it("by close does so, too", async () => {
    const { service, sender, sessionId } = await opened(undefined, { timeoutMs: 60_000 });
    answers(service, INGEST, { instead: "hang" });
    const pushing = failureOf(sender.push(sessionId, live(), { signal }));
    await untilAsked(service);
    await sender.close();
    expect((await pushing).code).toBe("FUSTOR_ABORTED");
  });
});
