/** Small parts that the views share. */
import type { ComponentChildren } from "preact";
import type { AgentState, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { copy } from "./actions.ts";
import { stateWord, t } from "./language.ts";

export type Tone = "good" | "busy" | "wait" | "bad" | "idle";

type AnyState = PipeReport["state"] | AgentState | SourceReport["status"]["availability"]["state"];

const TONES: Readonly<Record<AnyState, Tone>> = {
  starting: "busy",
  stopped: "idle",
  connecting: "busy",
  running: "good",
  waiting_for_source: "wait",
  reconnecting: "wait",
  key_refused: "bad",
  standby: "idle",
  draining: "busy",
  failed: "bad",
  available: "good",
  unavailable: "bad",
};

export const toneOf = (state: AnyState): Tone => TONES[state];

export const Pill = ({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) => (
  <span class={`pill ${tone}`}>{children}</span>
);

export const StatePill = ({ state }: { readonly state: AnyState }) => (
  <Pill tone={toneOf(state)}>{stateWord(state)}</Pill>
);

interface FactProps {
  readonly name: string;
  readonly children: ComponentChildren;
  readonly isWide?: boolean;
}

export const Fact = ({ name, children, isWide = false }: FactProps) => (
  <div class={isWide ? "wide" : ""}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

interface ProgressProps {
  readonly value: number;
  readonly of: number | undefined;
  readonly label: string;
}

export const Progress = ({ value, of, label }: ProgressProps) =>
  of === undefined ? (
    <progress aria-label={label} />
  ) : (
    <progress aria-label={label} value={Math.min(value, of)} max={Math.max(of, 1)} />
  );

const COMMAND = /(?:fustor-agent|sysctl) \S.*$/;

/** What to do; a command in it can be taken into a terminal. */
export function Cure({ text }: { readonly text: string }) {
  const command = COMMAND.exec(text)?.[0];
  if (command === undefined) return <span class="cure">{text}</span>;
  return (
    <span class="cure">
      {text.slice(0, -command.length)} <code>{command}</code>
      <button type="button" class="small" onClick={() => void copy(command)}>
        {t("copy")}
      </button>
    </span>
  );
}

export const Panel = ({ title, children }: { readonly title: string; readonly children: ComponentChildren }) => (
  <section class="panel" aria-label={title}>
    <h2>{title}</h2>
    {children}
  </section>
);

export const Empty = ({ children }: { readonly children: ComponentChildren }) => <p class="empty">{children}</p>;
