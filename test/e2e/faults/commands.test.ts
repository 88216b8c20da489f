/** What Fusion may ask for, and what it never gets. */
import { expect, test } from "vitest";
import { withFaults } from "../../support/fault-stage.ts";
import { waitFor } from "../../support/wait-for.ts";

test("scans of paths outside of the root are completed and tell nothing of what is there", () =>
  withFaults({}, async (stage) => {
    const { receiver, root, shell } = stage;
    await shell(
      'mkdir -p "$OUT/secret" inside; echo 1 > "$OUT/secret/key"; ln -s "$OUT/secret" link; echo 2 > inside/file',
    );
    await stage.settle();
    const sibling = stage.outside.slice(stage.outside.lastIndexOf("/") + 1);
    const paths = [
      `/../${sibling}`,
      `/inside/../../${sibling}/secret`,
      `${root}2/x`,
      stage.outside,
      "/link/key",
      "/inside",
    ];
    const commands = paths.map((path, i) => ({ type: "scan", path, recursive: true, job_id: `job-${i}` }));
    const ask = { type: "wipe_everything", path: "/" };
    receiver.rule({
      on: "heartbeat",
      fault: { kind: "edit", edit: (answer) => ({ ...answer, commands: [ask, ...commands] }) },
    });
    const completions = () =>
      receiver.seen
        .filter(({ kind }) => kind === "job_complete")
        .map(({ members }) => members.metadata as Record<string, unknown>);
    await waitFor(() => completions().length === paths.length, { timeoutMs: 10_000, what: "six completions" });
    // An absolute path of another place names nothing below the root.
    const failed = completions().filter(({ error }) => typeof error === "string");
    expect(failed.map(({ job_id: id }) => id).sort()).toEqual(["job-0", "job-1", "job-4"]);
    const scanned = receiver.seen.filter(({ kind }) => kind === "scan").flatMap(({ upserted }) => upserted);
    expect(scanned.sort()).toEqual(["/inside", "/inside/file"]);
    await shell("echo 3 > after");
    await stage.settle();
  }));

test("suspects that are gone or lie outside are left out of what is told of suspects", () =>
  withFaults({ fusion: { sessionTimeoutSeconds: 2, sentinelIntervalSeconds: 1 } }, async (stage) => {
    const { receiver, shell } = stage;
    await shell("echo 1 > here");
    await stage.settle();
    const task = { type: "suspect_check", paths: ["/gone", "/../etc/passwd", "/here"], view_id: "unified-view" };
    const isTask = ({ path }: { readonly path: string }): boolean => path.endsWith("/consistency/sentinel/tasks");
    receiver.rule({ on: "other", if: isTask, fault: { kind: "edit", edit: () => task } });
    const feedback = await receiver.waitForSeen(({ path }) => path.endsWith("/sentinel/feedback"), "the feedback");
    expect(feedback.members).toMatchObject({
      type: "suspect_update",
      updates: [{ path: "/here", size: 2, status: "exists" }],
    });
  }));
