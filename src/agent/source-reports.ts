import type { SourceConfig } from "../config/model.ts";
import { publicAddress, type SourceStatus } from "../sdk/index.ts";
import type { SourceReport } from "./agent-status.ts";

/** What a managed pipe holds of a source; pipes with the same signature share it. */
interface SourceHolder {
  readonly signature: string;
  readonly target: { readonly source: Pick<SourceConfig, "id" | "driver" | "uri"> };
  /** Undefined while the source is not open. */
  sourceStatus(): SourceStatus | undefined;
}

/** One report per source that is open, with the ids of all entries that share it. */
export function sourceReports(holders: readonly SourceHolder[]): readonly SourceReport[] {
  const reports = new Map<string, SourceReport>();
  for (const each of holders) {
    const status = each.sourceStatus();
    if (status === undefined) continue;
    const { id, driver, uri } = each.target.source;
    const ids = new Set([...(reports.get(each.signature)?.ids ?? []), id]);
    reports.set(each.signature, { ids: [...ids], driver, uri: publicAddress(uri), status });
  }
  return [...reports.values()];
}
