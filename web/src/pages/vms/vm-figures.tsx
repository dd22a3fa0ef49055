import type { ReactNode } from "react";
import type { VmFiguresItem, VmItem } from "../../api.ts";
import { Chart, type ChartLine } from "../../ui/chart.tsx";
import { formatBytes, formatPercent } from "../../ui/format.ts";
import { Notice } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import {
  cpuOf,
  isKnown,
  memoryOf,
  newestOf,
  rateOf,
  type Series,
  timesOf,
} from "./figure-series.ts";
import type { Figures } from "./use-figures.ts";

const formatRate = (value: number) => `${formatBytes(Math.round(value)).replace("bytes", "B")}/s`;

/** What a VM uses, as its guest says and as the host counts, moving. */
export function VmFigures({
  vm,
  figures,
}: {
  readonly vm: VmItem;
  readonly figures: Figures;
}): ReactNode {
  const { frames, phase } = figures;
  if (frames.length === 0) {
    return (
      <Card>
        <p className="subtle" role="status">
          {phase === "ended"
            ? "Nothing was measured of it."
            : "The first figures come in a moment …"}
        </p>
      </Card>
    );
  }
  const guestSpeaks = frames.some(({ guest }) => guest !== null);
  return (
    <div className="vm-figures">
      {phase === "lost" && (
        <Notice tone="progress">
          <p>
            No new figures come{figures.reason !== null && `: ${figures.reason}`}. It is tried again
            every second.
          </p>
        </Notice>
      )}
      <p className="subtle">{explain(vm, guestSpeaks)}</p>
      <div className="vm-charts">
        <Cpu frames={frames} />
        <Memory vm={vm} frames={frames} />
        <Traffic
          title="Network"
          frames={frames}
          parts={[
            ["Received", "network_in_bytes"],
            ["Sent", "network_out_bytes"],
          ]}
        />
        <Traffic
          title="Disk"
          frames={frames}
          parts={[
            ["Read", "disk_read_bytes"],
            ["Written", "disk_write_bytes"],
          ]}
        />
      </div>
    </div>
  );
}

function explain({ isolation }: VmItem, guestSpeaks: boolean): string {
  if (isolation === "none")
    return "What the host counts of this process. There is no guest to ask.";
  if (!guestSpeaks) return "What the host counts. The guest has not said anything of itself yet.";
  return "“Guest” is what the VM says of itself. “Host” is what is counted from outside, where nobody in the VM can change it; the virtual machine's own work and memory are in it. Where the two tell different stories, believe the host.";
}

/** Lines of the guest, filled, and of the host, dashed. Accounts that nobody gave are left out. */
function linesOf(name: string, { guest, host }: Series, color: string): ChartLine[] {
  const label = (who: string) => (name === "" ? who : `${name}, ${who.toLowerCase()}`);
  const lines: ChartLine[] = [];
  if (isKnown(guest)) lines.push({ label: label("Guest"), values: guest, color, filled: true });
  const hostColor = name === "" ? "--line-2" : color;
  if (isKnown(host))
    lines.push({ label: label("Host"), values: host, color: hostColor, dashed: true });
  return lines;
}

function Cpu({ frames }: { readonly frames: readonly VmFiguresItem[] }): ReactNode {
  const series = cpuOf(frames);
  const lines = linesOf("", series, "--line-1");
  const highest = Math.max(100, ...series.host.map((value) => value ?? 0));
  return (
    <FigureCard title="CPU" lines={lines} format={formatPercent}>
      <Chart
        label="CPU"
        times={timesOf(frames)}
        lines={lines}
        format={formatPercent}
        max={Math.ceil(highest / 50) * 50}
      />
    </FigureCard>
  );
}

function Memory({
  vm,
  frames,
}: {
  readonly vm: VmItem;
  readonly frames: readonly VmFiguresItem[];
}): ReactNode {
  const series = memoryOf(frames);
  const lines = linesOf("", series, "--line-1");
  const highest = Math.max(vm.memory_mb, ...series.host.map((value) => (value ?? 0) / 2 ** 20));
  return (
    <FigureCard title="Memory" lines={lines} format={formatBytes}>
      <Chart
        label="Memory"
        times={timesOf(frames)}
        lines={lines}
        format={(value) => formatBytes(Math.round(value))}
        max={Math.ceil(highest / 64) * 64 * 2 ** 20}
        bytes
      />
    </FigureCard>
  );
}

function Traffic({
  title,
  frames,
  parts,
}: {
  readonly title: string;
  readonly frames: readonly VmFiguresItem[];
  readonly parts: readonly (readonly [name: string, counter: Parameters<typeof rateOf>[1]])[];
}): ReactNode {
  const lines = parts.flatMap(([name, counter], index) =>
    linesOf(name, rateOf(frames, counter), `--line-${index + 1}`),
  );
  return (
    <FigureCard title={title} lines={lines} format={formatRate}>
      {lines.length === 0 ? (
        <p className="subtle vm-uncounted">Nobody counts this here.</p>
      ) : (
        <Chart label={title} times={timesOf(frames)} lines={lines} format={formatRate} bytes />
      )}
    </FigureCard>
  );
}

/** A chart below the newest value of each of its lines. */
function FigureCard({
  title,
  lines,
  format,
  children,
}: {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <Card title={title}>
      {lines.length > 0 && (
        <dl className="vm-newest">
          {lines.map(({ label, values }) => {
            const newest = newestOf(values);
            return (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{newest === null ? "–" : format(newest)}</dd>
              </div>
            );
          })}
        </dl>
      )}
      {children}
    </Card>
  );
}
