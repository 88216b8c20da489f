/** Every check with its outcome, those that failed first. */
import type { Tone } from "../states.ts";
import { type Finding, type Severity, troublesIn } from "./findings.ts";
import { t } from "./language.ts";
import { Panel, Pill, Table, Todo } from "./parts.tsx";

const TONES: Readonly<Record<Severity, Tone>> = { bad: "bad", warning: "wait", good: "good" };

const Row = ({ severity, check, what, cure }: Finding) => (
  <tr>
    <td>
      <Pill tone={TONES[severity]}>{t(severity)}</Pill>
    </td>
    <td>
      {check}
      {what !== undefined && <div class="error">{what}</div>}
      {cure !== undefined && <Todo cure={cure} />}
    </td>
  </tr>
);

export function Health({ findings }: { readonly findings: readonly Finding[] }) {
  const all = [...troublesIn(findings), ...findings.filter(({ severity }) => severity === "good")];
  return (
    <Panel title={t("tabHealth")}>
      {troublesIn(findings).length === 0 && <p class="well">{t("allWell")}</p>}
      <Table id="health" head={[t("outcome"), t("check")]}>
        {all.map((finding) => (
          <Row key={`${finding.check} ${finding.what ?? ""}`} {...finding} />
        ))}
      </Table>
    </Panel>
  );
}
