import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { FunctionItem, StatisticsItem } from "../../api.ts";
import { statisticsQuery } from "../../queries.ts";
import { Chart, type ChartProps } from "../../ui/chart.tsx";
import { Segments } from "../../ui/fields.tsx";
import { formatCount, formatDuration, formatNumber, formatPercent } from "../../ui/format.ts";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";

type Window = StatisticsItem["window"];
const windows: readonly (readonly [Window, string])[] = [
  ["1h", "1 hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
];

/** How often a function ran, how that ended and how long it took. */
export function StatisticsCard({ item }: { readonly item: FunctionItem }): ReactNode {
  const [window, setWindow] = useState<Window>("1h");
  const query = statisticsQuery(item.id, window);
  const { data, error, refetch } = useQuery({ ...query, placeholderData: keepPreviousData });
  return (
    <Card
      title="Statistics"
      actions={
        <Segments label="How far back" options={windows} value={window} onChange={setWindow} />
      }
    >
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {data ? <Statistics statistics={data} /> : !error && <Loading />}
    </Card>
  );
}

function Statistics({ statistics }: { readonly statistics: StatisticsItem }): ReactNode {
  const { total, error, timeout, cold_starts: cold, avg_ms: average, p95_ms: p95 } = statistics;
  const figures = [
    ["Invocations", formatNumber(total)],
    ["Failed", total === 0 ? "–" : formatPercent((100 * (error + timeout)) / total)],
    ["Cold starts", formatNumber(cold)],
    ["Average", formatMean(average)],
    ["P95", formatMean(p95)],
  ] as const;
  return (
    <div className="stack">
      <dl className="figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="columns">
        {chartsOf(statistics).map((chart) => (
          <div key={chart.label}>
            <h3>{chart.label}</h3>
            <Chart {...chart} />
          </div>
        ))}
      </div>
    </div>
  );
}

function formatMean(ms: number | null): string {
  return ms === null ? "–" : formatDuration(ms);
}

function chartsOf({ series }: StatisticsItem): readonly ChartProps[] {
  const times = series.map(({ at }) => Date.parse(at) / 1_000);
  const values = (of: (step: StatisticsItem["series"][number]) => number | null) => series.map(of);
  return [
    {
      label: "Invocations by outcome",
      times,
      format: formatCount,
      bars: true,
      lines: [
        { label: "Success", values: values((step) => step.success), color: "--line-2" },
        { label: "Error", values: values((step) => step.error), color: "--bad" },
        { label: "Timeout", values: values((step) => step.timeout), color: "--progress" },
      ],
    },
    {
      label: "Duration",
      times,
      format: formatDuration,
      lines: [
        { label: "P50", values: values((step) => step.p50_ms), color: "--line-4" },
        { label: "P95", values: values((step) => step.p95_ms), color: "--line-2", dashed: true },
        { label: "P99", values: values((step) => step.p99_ms), color: "--line-1" },
      ],
    },
    {
      label: "Cold and warm",
      times,
      format: formatCount,
      bars: true,
      lines: [
        {
          label: "Warm",
          values: values((step) => step.total - step.cold_starts),
          color: "--line-1",
        },
        { label: "Cold", values: values((step) => step.cold_starts), color: "--line-2" },
      ],
    },
  ];
}
