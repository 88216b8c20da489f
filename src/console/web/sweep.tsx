/** A sweep of a source: the one that runs, and the last one. */
import type { EndedSweep, SweepFacts, SweepProgress } from "../../sdk/source-driver.ts";
import { byteText, count, duration, rateText } from "../format.ts";
import { stateWord, t } from "./language.ts";
import { Fact, Progress } from "./parts.tsx";

function progressText(state: SweepFacts["state"], progress: SweepProgress): string {
  const { mode, looked, expected, readBytes, entriesPerSecond, bytesPerSecond, etaMs } = progress;
  const read = readBytes === 0 ? [] : [t("readBytes", byteText(readBytes)), t("perSecond", byteText(bytesPerSecond))];
  return [
    `${mode}: ${stateWord(state)}`,
    t("rowsOf", count(looked), count(expected)),
    t("perSecond", rateText(entriesPerSecond)),
    ...read,
    ...(etaMs === undefined || state === "paused" ? [] : [t("left", duration(etaMs))]),
  ].join(", ");
}

function endedText({ mode, outcome, looked, elapsedMs, readBytes, skipped }: EndedSweep): string {
  return [
    `${mode}: ${outcome}`,
    t("lookedIn", count(looked), duration(elapsedMs)),
    ...(readBytes === 0 ? [] : [t("readBytes", byteText(readBytes))]),
    ...(skipped === 0 ? [] : [t("skipped", count(skipped))]),
  ].join(", ");
}

export function SweepFact({ sweep }: { readonly sweep: SweepFacts }) {
  const { state, progress, last, corrupted, corruptedPaths } = sweep;
  return (
    <>
      <Fact name={t("sweep")} isWide>
        {progress === undefined ? t("sweepIdle") : progressText(state, progress)}
        {progress !== undefined && <Progress value={progress.looked} of={progress.expected} label={t("sweep")} />}
      </Fact>
      {last !== undefined && (
        <Fact name={t("sweepLast")} isWide>
          {endedText(last)}
        </Fact>
      )}
      {corrupted > 0 && (
        <Fact name={t("sweepCorrupted")} isWide>
          <span class="error">
            {count(corrupted)}: {corruptedPaths.join(", ")}
          </span>
        </Fact>
      )}
    </>
  );
}
