const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/** 12,345. */
export function formatNumber(value: number): string {
  return whole.format(value);
}

/** 12.3K. */
export function formatCount(value: number): string {
  return short.format(value);
}

/** 12.3 MiB. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 0.8 ms, 12 ms, 1.25 s, 3 min. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** 0 %, 0.3 %, 12 %. */
export function formatPercent(percent: number): string {
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

export function formatTime(time: string | Date): string {
  return absolute.format(new Date(time));
}

/** "3 min. ago", as `now` sees it. */
export function formatAgo(time: string | Date, now: number): string {
  const seconds = Math.min(0, (new Date(time).getTime() - now) / 1_000);
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ] as const) {
    if (seconds <= -size) return relative.format(Math.round(seconds / size), unit);
  }
  return seconds > -5 ? "just now" : relative.format(Math.round(seconds), "second");
}
