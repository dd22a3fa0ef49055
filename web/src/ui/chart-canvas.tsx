import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { type ReactNode, useEffect, useRef } from "react";
import UPlot from "uplot";
import { useIsDark } from "../theme.ts";
import type { ChartLine, ChartProps } from "./chart.tsx";
import { formatTime } from "./format.ts";

/** The chart itself; `Chart` loads it. */
export function ChartCanvas(props: ChartProps & { readonly height: number }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot>(null);
  const isDark = useIsDark();
  const { label, lines, height, bars = false, max } = props;
  // What a chart cannot change while it stands: another makes a new one.
  const looks = lines.map((line) => [line.label, line.color, line.dashed, line.filled]);
  const shape = JSON.stringify([looks, bars, max, height, isDark]);
  const drawn = useRef(props);

  useEffect(() => {
    drawn.current = props;
    chart.current?.setData(dataOf(props));
  }, [props]);

  useEffect(() => {
    const element = place.current;
    if (element === null || shape === "") return undefined;
    const plot = new UPlot(optionsOf(drawn, element), dataOf(drawn.current), element);
    chart.current = plot;
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: drawn.current.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [shape]);

  return (
    <figure className="chart">
      <div ref={place} style={{ minHeight: height }} aria-hidden />
      <figcaption className="visually-hidden">
        {label}: {lines.map((line) => describe(line, props.format)).join("; ")}
      </figcaption>
    </figure>
  );
}

type Latest = { readonly current: ChartProps & { readonly height: number } };

/** The newest value of each line, and the highest, for those who cannot see the chart. */
function describe({ label, values }: ChartLine, format: ChartProps["format"]): string {
  const known = values.filter((value) => value !== null);
  const newest = known.at(-1);
  if (newest === undefined) return `${label}, nothing yet`;
  return `${label}, ${format(newest)} now, ${format(known.reduce((a, b) => Math.max(a, b)))} at most`;
}

/** Bars stand on the ones before them. */
function dataOf({ times, lines, bars = false }: ChartProps): UPlot.AlignedData {
  const sums = times.map(() => 0);
  const values = lines.map((line) =>
    times.map((_, index) => {
      const value = line.values[index] ?? null;
      if (!bars) return value;
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return sums[index];
    }),
  );
  // What stands highest is drawn first, so that the others are in front of it.
  return [[...times], ...(bars ? values.toReversed() : values)];
}

function optionsOf(latest: Latest, element: HTMLElement): UPlot.Options {
  const { lines, height, max, bars = false, bytes = false } = latest.current;
  const style = getComputedStyle(element);
  const color = (name: string) => resolveColor(element, style.getPropertyValue(name) || name);
  const stroke = color("--text-2");
  const grid = { stroke: color("--border"), width: 1 };
  const font = `11.5px ${style.getPropertyValue("--font")}`;
  const series = lines.map((line, index) => {
    const own = color(line.color ?? `--line-${index + 1}`);
    return {
      label: line.label,
      stroke: own,
      width: bars ? 0 : 1.75,
      ...(line.dashed && { dash: [5, 4] }),
      ...(bars && { paths: barsPath(), fill: own }),
      ...(line.filled && { fill: translucent(own) }),
      points: { show: false },
      value: (_: UPlot, __: number, ___: number, at: number | null) =>
        at === null ? "–" : latest.current.format(latest.current.lines[index]?.values[at] ?? 0),
    };
  });
  return {
    width: element.clientWidth,
    height,
    cursor: { y: false, points: { show: !bars } },
    legend: { live: true },
    scales: { y: { range: (_, __, top) => [0, max ?? Math.max(top * 1.15, 1e-9)] } },
    axes: [
      {
        stroke,
        font,
        grid: { show: false },
        ticks: { show: false },
        size: 28,
        space: 64,
        values: (...[, splits, , , step]) => splits.map((time) => formatMoment(time, step)),
      },
      {
        stroke,
        font,
        grid,
        ticks: { show: false },
        size: (_, labels) => 14 + 6.6 * Math.max(0, ...(labels ?? []).map(({ length }) => length)),
        ...(bytes && { incrs: Array.from({ length: 50 }, (_, power) => 2 ** power) }),
        values: (_, splits) => splits.map((value) => latest.current.format(value)),
      },
    ],
    series: [{ value: (_, time) => momentText(time) }, ...(bars ? series.toReversed() : series)],
  };
}

const toTheSecond = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const toTheMinute = new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23" });
const toTheDay = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });

/** A time on a scale whose marks are `stepSeconds` apart. */
function formatMoment(seconds: number, stepSeconds: number): string {
  const format = stepSeconds < 60 ? toTheSecond : stepSeconds < 86_400 ? toTheMinute : toTheDay;
  return format.format(seconds * 1_000);
}

/** The time that is pointed at. */
function momentText(seconds: number | null): string {
  return seconds === null ? "–" : formatTime(new Date(seconds * 1_000));
}

function barsPath(): UPlot.Series.PathBuilder {
  const path = UPlot.paths.bars?.({ size: [0.8, 40] });
  if (path === undefined) throw new Error("uPlot draws no bars");
  return path;
}

/** `light-dark()` as the canvas wants it. */
function resolveColor(element: HTMLElement, value: string): string {
  const probe = document.createElement("span");
  probe.style.color = value;
  element.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

function translucent(color: string): string {
  return color.replace(/^rgb\((.*)\)$/, "rgba($1, 0.14)");
}
