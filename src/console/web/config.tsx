/** The configuration that runs, and what its files would change. */
import { useEffect, useState } from "preact/hooks";
import { act, type Preview, type Previewed, previewReload } from "./actions.ts";
import { get } from "./api.ts";
import { stateWord, t } from "./language.ts";
import { Empty, Panel, Table } from "./parts.tsx";
import { isReadOnly } from "./state.ts";

const valueText = (value: unknown): string =>
  value === null || value === undefined ? t("absent") : typeof value === "string" ? value : JSON.stringify(value);

const Changes = ({ changes }: Pick<Preview, "changes">) => (
  <Table id="changes" head={[t("key"), t("before"), t("after")]}>
    {changes.map(({ key, before, after }) => (
      <tr key={key}>
        <td class="name">{key}</td>
        <td>
          <del>{valueText(before)}</del>
        </td>
        <td>
          <ins>{valueText(after)}</ins>
        </td>
      </tr>
    ))}
  </Table>
);

function Plan({ preview: { pipes, notes, changes } }: { readonly preview: Preview }) {
  const moved = pipes.filter(({ action }) => action !== "unchanged");
  if (moved.length + notes.length + changes.length === 0) return <Empty>{t("previewNone")}</Empty>;
  return (
    <>
      <ul class="notes" id="plan">
        {moved.map(({ pipe, action, reasons }) => (
          <li key={pipe}>
            <b>{pipe}</b>: {[stateWord(action), ...reasons].join(", ")}
          </li>
        ))}
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      {changes.length > 0 && <Changes changes={changes} />}
    </>
  );
}

function Reload({ onDone }: { readonly onDone: () => void }) {
  const [answer, setAnswer] = useState<Previewed>();
  const isGood = answer !== undefined && "preview" in answer;
  const look = (): void => void previewReload().then(setAnswer);
  const reload = async (): Promise<void> => {
    await act(t("reload"), "/reload");
    setAnswer(undefined);
    onDone();
  };
  return (
    <Panel title={t("reload")}>
      <div class="bar">
        <button type="button" id="preview" class="primary" onClick={look}>
          {t("preview")}
        </button>
        {!isReadOnly && (
          <button type="button" id="reload" disabled={!isGood} onClick={() => void reload()}>
            {t("previewReload")}
          </button>
        )}
      </div>
      {isReadOnly && <p class="faint">{t("readOnly")}</p>}
      {answer === undefined && <Empty>{t("previewFirst")}</Empty>}
      {isGood && <Plan preview={answer.preview} />}
      {answer !== undefined && "refusal" in answer && (
        <div class="error" role="alert">
          {t("previewRefused")}
          <pre>{answer.refusal}</pre>
        </div>
      )}
    </Panel>
  );
}

function Members({ value }: { readonly value: unknown }) {
  if (typeof value !== "object" || value === null) return <code>{valueText(value)}</code>;
  return (
    <ul class="tree">
      {Object.entries(value).map(([key, member]) => (
        <li key={key}>
          <b>{Array.isArray(value) ? ((member as { id?: string } | null)?.id ?? key) : key}</b>{" "}
          <Members value={member} />
        </li>
      ))}
    </ul>
  );
}

function Running({ config }: { readonly config: Readonly<Record<string, unknown>> }) {
  return (
    <>
      {Object.entries(config).map(([key, value]) => (
        <details key={key} open={key === "pipes"}>
          <summary>{key}</summary>
          <Members value={value} />
        </details>
      ))}
    </>
  );
}

export function Config() {
  const [config, setConfig] = useState<Readonly<Record<string, unknown>>>();
  const [trouble, setTrouble] = useState("");
  const look = (): void => {
    get<Readonly<Record<string, unknown>>>("/api/v1/config").then(setConfig, (error: unknown) =>
      setTrouble(error instanceof Error ? error.message : String(error)),
    );
  };
  useEffect(look, []);
  return (
    <>
      <Reload onDone={look} />
      <Panel title={t("running")}>
        {trouble !== "" && <p class="error">{trouble}</p>}
        {config === undefined ? <Empty>{t("loading")}</Empty> : <Running config={config} />}
      </Panel>
    </>
  );
}
