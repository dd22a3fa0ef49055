/** One line of a page of metrics that is no comment. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const label = String.raw`(?<key>[a-zA-Z_]\w*)="(?<text>(?:[^"\\\n]|\\["\\n])*)"`;
const sample = new RegExp(
  String.raw`^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>(?:${label.replaceAll(/\?<\w+>/g, "")},?)*)\})? (?<value>\S+)$`,
);

/**
 * Reads the text format of Prometheus, version 0.0.4, more strictly than Prometheus does. Throws for
 * what it does not allow: lines of no meaning, families or series that come twice, samples of no family.
 */
export function parseMetrics(page: string): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily & { samples: Sample[] }>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: (MetricFamily & { samples: Sample[] }) | undefined;
  for (const line of page.split("\n")) {
    const [, helpName, text] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    const [, typeName, type] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (line === "") continue;
    if (helpName !== undefined) help = { name: helpName, text: text ?? "" };
    else if (typeName !== undefined) {
      if (help?.name !== typeName || families.has(typeName)) throw new Error(`Stray: ${line}`);
      current = { name: typeName, help: help.text, type: type ?? "", samples: [] };
      families.set(typeName, current);
    } else {
      if (seen.has(seriesOf(line)) || current === undefined) throw new Error(`Stray: ${line}`);
      seen.add(seriesOf(line));
      current.samples.push(parseSample(line, current));
    }
  }
  return families;
}

function seriesOf(line: string): string {
  return line.slice(0, line.lastIndexOf(" "));
}

function parseSample(line: string, { name: family, type }: MetricFamily): Sample {
  const parts = sample.exec(line)?.groups;
  const { name = "", labels = "", value = "" } = parts ?? {};
  const number = value === "+Inf" ? Infinity : Number(value === "Nan" ? NaN : value);
  const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  const belongs = suffixes.some((suffix) => name === family + suffix);
  if (parts === undefined || !belongs || (Number.isNaN(number) && value !== "Nan")) {
    throw new Error(`Not a sample of ${family}: ${line}`);
  }
  const pairs = [...labels.matchAll(new RegExp(label, "g"))];
  return {
    name,
    labels: Object.fromEntries(pairs.map(({ groups }) => [groups?.["key"], groups?.["text"]])),
    value: number,
  };
}

/** The value of one series; undefined where there is none. */
export function valueOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  const wanted = Object.entries(labels);
  return family?.samples.find(
    (one) =>
      one.name === name &&
      Object.keys(one.labels).length === wanted.length &&
      wanted.every(([key, value]) => one.labels[key] === value),
  )?.value;
}
