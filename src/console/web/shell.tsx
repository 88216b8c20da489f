/** The frame around every view: state, what is wrong, the way to the views, the token. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { duration } from "../format.ts";
import { said } from "./actions.ts";
import { type Finding, troublesIn } from "./findings.ts";
import { chooseLanguage, language, t } from "./language.ts";
import { Pill, StatePill, Todo } from "./parts.tsx";
import { hashOf, route, VIEWS, type ViewName } from "./route.ts";
import { refresh, view } from "./state.ts";
import { useStore } from "./store.ts";
import { forgetToken, token, useToken } from "./token.ts";
import type { Word } from "./words.ts";

const TITLES: Readonly<Record<ViewName, Word>> = {
  overview: "tabOverview",
  pipes: "tabPipes",
  sources: "tabSources",
  tap: "tabTap",
  log: "tabLog",
  config: "tabConfig",
  health: "tabHealth",
};

const LanguageButton = () => (
  <button type="button" class="quiet" onClick={() => chooseLanguage(language.value === "en" ? "zh" : "en")}>
    {t("language")}
  </button>
);

const forget = (): void => {
  forgetToken();
  void refresh();
};

export function Header() {
  const { seen, lostSince } = useStore(view);
  const hasToken = useStore(token) !== "";
  return (
    <header>
      <h1>{t("title")}</h1>
      {seen.kind !== "nothing" && <StatePill state={seen.status.state} />}
      {lostSince !== undefined && <Pill tone="bad">{t("lost")}</Pill>}
      <span class="space" />
      <LanguageButton />
      {hasToken && (
        <button type="button" class="quiet" id="forget" onClick={forget}>
          {t("tokenForget")}
        </button>
      )}
    </header>
  );
}

export function Navigation() {
  const { view: open } = useStore(route);
  return (
    <nav aria-label={t("views")}>
      {VIEWS.map((name) => (
        <a key={name} href={hashOf(name)} aria-current={name === open ? "page" : undefined}>
          {t(TITLES[name])}
        </a>
      ))}
    </nav>
  );
}

export function LostNote() {
  const { lostSince, seen } = useStore(view);
  if (lostSince === undefined) return null;
  return (
    <section class="panel wrong" role="alert" id="lost">
      <p>{seen.kind === "nothing" ? t("lost") : t("lostFor", duration(Date.now() - lostSince))}</p>
      <p>{t("lostHint")}</p>
    </section>
  );
}

/** Enough to begin with; the health view has all of them. */
const MOST_TROUBLES = 8;

interface TroubleProps {
  readonly findings: readonly Finding[];
  /** Beside other things one line, which opens. */
  readonly isShort: boolean;
}

export function Troubles({ findings, isShort }: TroubleProps) {
  const troubles = troublesIn(findings);
  if (troubles.length === 0) return null;
  const worst = troubles.some(({ severity }) => severity === "bad") ? "bad" : "warning";
  return (
    <section class={`panel wrong ${worst}`} aria-label={t("wrong")} id="troubles">
      <details open={!isShort} key={String(isShort)}>
        <summary class={worst}>
          {t("wrong")}: {troubles.length}
        </summary>
        <ul>
          {troubles.slice(0, MOST_TROUBLES).map(({ severity, what, cure }) => (
            <li key={what} class={severity}>
              {what}
              {cure !== undefined && <Todo cure={cure} />}
            </li>
          ))}
        </ul>
        {troubles.length > MOST_TROUBLES && (
          <p>
            <a href={hashOf("health")}>
              {t("tabHealth")}: {troubles.length}
            </a>
          </p>
        )}
      </details>
    </section>
  );
}

export function TokenForm() {
  const { isTokenWrong } = useStore(view);
  const [text, setText] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    const given = text.trim();
    setText("");
    if (given === "") return;
    useToken(given);
    void refresh();
  };
  return (
    <form id="unlock" class="panel bar" onSubmit={submit}>
      <label>
        {t("tokenLabel")}
        <input
          id="token"
          type="password"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit">{t("tokenButton")}</button>
      {isTokenWrong ? <span class="error">{t("tokenWrong")}</span> : <span class="faint">{t("tokenHint")}</span>}
    </form>
  );
}

export function Said() {
  const { text, isBad } = useStore(said);
  return (
    <p id="said" role="status" class={isBad ? "error" : ""}>
      {text}
    </p>
  );
}

export const Frame = ({ children }: { readonly children: ComponentChildren }) => (
  <>
    <Header />
    <main>{children}</main>
    <footer>{t("programs")}</footer>
  </>
);
