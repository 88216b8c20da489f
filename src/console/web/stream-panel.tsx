/** What the tap and the log have in common: a form above, lines below, newest first. */
import type { ComponentChildren } from "preact";
import { t } from "./language.ts";
import type { LineStream } from "./lines.ts";
import { Empty, Panel } from "./parts.tsx";
import { useStore } from "./store.ts";

interface Props {
  readonly id: string;
  readonly title: string;
  readonly stream: LineStream;
  readonly startWord: string;
  readonly stopWord: string;
  readonly emptyWord: string;
  start(): void;
  /** The fields of the form. */
  readonly children: ComponentChildren;
}

export function StreamPanel({ id, title, stream, startWord, stopWord, emptyWord, start, children }: Props) {
  const isRunning = useStore(stream.isRunning);
  const lines = useStore(stream.lines);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isRunning) stream.stop();
    else start();
  };
  return (
    <Panel title={title}>
      <form id={`${id}-form`} class="bar" onSubmit={submit}>
        {children}
        <button type="submit" class={isRunning ? "" : "primary"}>
          {isRunning ? stopWord : startWord}
        </button>
        <button type="button" class="quiet" onClick={() => stream.clear()}>
          {t("clear")}
        </button>
      </form>
      {lines.length === 0 && <Empty>{emptyWord}</Empty>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls is reached by the keyboard */}
      <ol id={`${id}-lines`} class="lines" tabIndex={0} aria-label={title}>
        {lines.map(({ number, text, kind }) => (
          <li key={number} class={kind}>
            {text}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
