/** One hour in charts. The agent keeps the points; the page draws what it is given. */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import type { AgentSeries, Series } from "../../admin/history.ts";
import { rateText } from "../format.ts";
import { get } from "./api.ts";
import { t } from "./language.ts";
import { Empty } from "./parts.tsx";

const EVERY_MS = 10_000;
const HEIGHT = 130;
const DARK = matchMedia("(prefers-color-scheme: dark)");

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

interface ChartProps {
  readonly title: string;
  readonly at: readonly number[];
  readonly values: readonly (number | null)[];
  readonly tone: "--good" | "--busy" | "--wait" | "--idle";
}

type Data = [number[], (number | null)[]];

const options = (width: number, tone: ChartProps["tone"]): uPlot.Options => {
  const axis = { stroke: color("--faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    cursor: { sync: { key: "hour" }, y: false, points: { size: 6 } },
    legend: { show: false },
    padding: [8, 18, 0, 0],
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, space: 70, size: 28, values: (_, ticks) => ticks.map((each) => clockOf(each)) },
      { ...axis, size: 52, space: 34, values: (_, ticks) => ticks.map(rateText) },
    ],
    series: [{}, { stroke: color(tone), fill: `${color(tone)}22`, width: 1.5, points: { show: false } }],
  };
};

const clockOf = (seconds: number): string => new Date(seconds * 1000).toTimeString().slice(0, 5);

function Chart({ title, at, values, tone }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [isDark, setDark] = useState(DARK.matches);
  const data: Data = [at.map((each) => each / 1000), [...values]];
  useEffect(() => {
    const follow = (): void => setDark(DARK.matches);
    DARK.addEventListener("change", follow);
    return () => DARK.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    const box = place.current;
    if (box === null) return undefined;
    const made = new uPlot(options(box.clientWidth, tone), data, box);
    plot.current = made;
    const resizes = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT }));
    resizes.observe(box);
    return () => {
      resizes.disconnect();
      made.destroy();
    };
  }, [isDark, tone]);
  useEffect(() => plot.current?.setData(data), [at]);
  const last = values.at(-1) ?? 0;
  return (
    <figure>
      <figcaption>
        {title} <strong>{rateText(last)}</strong>
      </figcaption>
      <div ref={place} class="chart" role="img" aria-label={t("chartNow", title, rateText(last))} />
    </figure>
  );
}

/** The series of the agent, or of one pipe, asked for anew as long as it is shown. */
function useSeries<T extends Series>(path: string): T | undefined {
  const [series, setSeries] = useState<T>();
  useEffect(() => {
    const look = (): void => {
      if (document.hidden) return;
      // What the agent does not answer now it answers in ten seconds: the page says elsewhere that it is away.
      get<T>(path).then(setSeries, () => undefined);
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [path]);
  return series;
}

const mebibytes = (bytes: number): number => bytes / 1048576;

export function AgentCharts() {
  const series = useSeries<AgentSeries>("/api/v1/history");
  if (series === undefined || series.at.length < 2) return <Empty>{t("chartEmpty")}</Empty>;
  const { at } = series;
  return (
    <div class="charts" id="charts">
      <Chart title={t("chartRows")} at={at} values={series.rowsPerSecond} tone="--good" />
      <Chart title={t("chartBacklog")} at={at} values={series.backlog} tone="--wait" />
      <Chart title={t("chartLag")} at={at} values={series.lagMs} tone="--busy" />
      <Chart title={t("chartCpu")} at={at} values={series.cpuPercent} tone="--idle" />
      <Chart title={t("chartMemory")} at={at} values={series.rssBytes.map(mebibytes)} tone="--idle" />
    </div>
  );
}

export function PipeCharts({ pipe }: { readonly pipe: string }) {
  const series = useSeries<Series>(`/api/v1/history?pipe=${encodeURIComponent(pipe)}`);
  if (series === undefined || series.at.length < 2) return <Empty>{t("chartEmpty")}</Empty>;
  const { at } = series;
  return (
    <div class="charts">
      <Chart title={t("chartRows")} at={at} values={series.rowsPerSecond} tone="--good" />
      <Chart title={t("chartBacklog")} at={at} values={series.backlog} tone="--wait" />
      <Chart title={t("chartLag")} at={at} values={series.lagMs} tone="--busy" />
    </div>
  );
}
