/** Every check with its outcome, those that failed first. */
import { type Finding, type Severity, troublesIn } from "./findings.ts";
import { t } from "./language.ts";
import { Cure, Panel, Pill, type Tone } from "./parts.tsx";

const TONES: Readonly<Record<Severity, Tone>> = { bad: "bad", warning: "wait", good: "good" };

const Row = ({ severity, check, what, cure }: Finding) => (
  <tr>
    <td>
      <Pill tone={TONES[severity]}>{t(severity)}</Pill>
    </td>
    <td>
      {check}
      {what !== undefined && <div class="error">{what}</div>}
      {cure !== undefined && (
        <div class="todo">
          {t("cure")}: <Cure text={cure} />
        </div>
      )}
    </td>
  </tr>
);

export function Health({ findings }: { readonly findings: readonly Finding[] }) {
  const all = [...troublesIn(findings), ...findings.filter(({ severity }) => severity === "good")];
  return (
    <Panel title={t("tabHealth")}>
      {troublesIn(findings).length === 0 && <p class="well">{t("allWell")}</p>}
      <div class="scroll">
        <table id="health">
          <thead>
            <tr>
              <th>{t("outcome")}</th>
              <th>{t("check")}</th>
            </tr>
          </thead>
          <tbody>
            {all.map((finding) => (
              <Row key={`${finding.check} ${finding.what ?? ""}`} {...finding} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
