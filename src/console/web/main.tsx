/** The console: one page over the admin API of the agent that served it. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import type { AgentStatus } from "../../agent/agent-status.ts";
import { Config } from "./config.tsx";
import { findingsOf } from "./findings.ts";
import { Health } from "./health.tsx";
import { language, t } from "./language.ts";
import { Log, stopLog } from "./log.tsx";
import { Overview } from "./overview.tsx";
import { Empty } from "./parts.tsx";
import { Pipes } from "./pipes.tsx";
import { followAddress, route, type ViewName } from "./route.ts";
import { Frame, LostNote, Navigation, Said, TokenForm, Troubles } from "./shell.tsx";
import { Sources } from "./sources.tsx";
import { followVisibility, maxBacklogAgeMs, refresh, view } from "./state.ts";
import { useStore } from "./store.ts";
import { Stranger } from "./stranger.tsx";
import { stopTap, Tap } from "./tap.tsx";
import { token } from "./token.ts";

function Open({ name, status }: { readonly name: ViewName; readonly status: AgentStatus }) {
  if (name === "pipes") return <Pipes status={status} />;
  if (name === "sources") return <Sources sources={status.sources} />;
  if (name === "tap") return <Tap status={status} />;
  if (name === "log") return <Log />;
  if (name === "config") return <Config />;
  if (name === "health") return <Health findings={findingsOf(status, maxBacklogAgeMs)} />;
  return <Overview status={status} />;
}

function Page() {
  const { seen, lostSince } = useStore(view);
  const { view: name } = useStore(route);
  useStore(language);
  useEffect(() => {
    document.body.classList.toggle("lost", lostSince !== undefined);
  }, [lostSince]);
  return (
    <Frame>
      <LostNote />
      {seen.kind === "all" && (
        <>
          {name !== "health" && (
            <Troubles findings={findingsOf(seen.status, maxBacklogAgeMs)} isShort={name !== "overview"} />
          )}
          <Navigation />
          <Said />
          <Open name={name} status={seen.status} />
        </>
      )}
      {seen.kind === "counts" && (
        <>
          <TokenForm />
          <Stranger status={seen.status} />
        </>
      )}
      {seen.kind === "nothing" && lostSince === undefined && <Empty>{t("loading")}</Empty>}
    </Frame>
  );
}

// Another token may be that of another run: what was read with the old one is not shown on.
token.listen(() => {
  stopTap();
  stopLog();
  void refresh();
});
followAddress();
followVisibility();
render(<Page />, document.getElementById("page") as HTMLElement);
void refresh();
