/** An admin port without an agent behind it: what a test does not name finds nothing and changes nothing. */
import type { AdminPort } from "../../src/admin/admin-port.ts";
import { History } from "../../src/admin/history.ts";
import { Journal } from "../../src/admin/journal.ts";
import { Taps } from "../../src/admin/tap.ts";

const unasked = (): never => {
  throw new Error("the test did not expect this call");
};

export const adminPortWith = (own: Partial<AdminPort>): AdminPort => ({
  status: unasked,
  requestStop: unasked,
  reload: unasked,
  previewReload: unasked,
  startPipes: unasked,
  restartPipe: unasked,
  stopPipe: unasked,
  snapshotNow: unasked,
  commandSnapshot: unasked,
  sentinelNow: unasked,
  confirmSource: unasked,
  sweepSource: unasked,
  resend: unasked,
  drivers: unasked,
  config: unasked,
  pipeConfigs: {
    list: unasked,
    add: unasked,
    update: unasked,
    enable: unasked,
    disable: unasked,
    delete: unasked,
  },
  journal: new Journal(1),
  history: new History(),
  taps: new Taps(),
  ...own,
});
