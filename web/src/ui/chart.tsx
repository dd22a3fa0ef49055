import { lazy, type ReactNode, Suspense } from "react";
import { Skeleton } from "./notices.tsx";

export interface ChartLine {
  readonly label: string;
  /** One for each time; null where there is none. */
  readonly values: readonly (number | null)[];
  /** A variable of theme.css; `--line-1` and so on unless given. */
  readonly color?: string;
  /** What the line stands on is filled. */
  readonly filled?: boolean;
  /** Dashed, to be told from the others without colours. */
  readonly dashed?: boolean;
}

export interface ChartProps {
  /** What is shown, for those who cannot see it too. */
  readonly label: string;
  /** When, in seconds since 1970, the oldest first. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  /** In pixels. */
  readonly height?: number;
  /** The top of the scale where that is fixed, such as 100 %; it fits the values unless given. */
  readonly max?: number;
  /** Values are bytes: the scale has steps of 1, 2, 4, 8 …, not of ten. */
  readonly bytes?: boolean;
  /** Bars of one step each, stacked one on the other, instead of lines. */
  readonly bars?: boolean;
}

/** uPlot comes with the first chart. */
const Canvas = lazy(async () => ({ default: (await import("./chart-canvas.tsx")).ChartCanvas }));

/** Lines, or stacked bars, over time. */
export function Chart({ height = 170, ...props }: ChartProps): ReactNode {
  return (
    <Suspense fallback={<Skeleton height={height} />}>
      <Canvas height={height} {...props} />
    </Suspense>
  );
}
