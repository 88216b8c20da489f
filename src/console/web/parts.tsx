/** Small parts that the views share. */
import type { ComponentChildren } from "preact";
import { type AnyState, type Tone, toneOf } from "../states.ts";
import { copy } from "./actions.ts";
import { stateWord, t } from "./language.ts";

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

export const Todo = ({ cure }: { readonly cure: string }) => (
  <div class="todo">
    {t("cure")}: <Cure text={cure} />
  </div>
);

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

interface TableProps {
  readonly id?: string;
  readonly class?: string;
  /** `isNumber`: its cells are set to the right. */
  readonly head: readonly (string | { readonly title: string; readonly isNumber: true })[];
  readonly children: ComponentChildren;
}

export const numbers = (title: string) => ({ title, isNumber: true }) as const;

/** As wide as it likes: it scrolls, the page does not. `children`: its rows. */
export const Table = ({ id, class: look, head, children }: TableProps) => (
  <div class="scroll">
    <table id={id} class={look}>
      <thead>
        <tr>
          {head.map((each) =>
            typeof each === "string" ? (
              <th key={each}>{each}</th>
            ) : (
              <th key={each.title} class="number">
                {each.title}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

export const Empty = ({ children }: { readonly children: ComponentChildren }) => <p class="empty">{children}</p>;
