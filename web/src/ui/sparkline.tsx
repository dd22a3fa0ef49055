import type { ReactNode } from "react";
import type { FunctionDayItem } from "../api.ts";

const size = { width: 96, height: 26, gap: 1 };

/** A bar for each hour of a day, what failed at its foot. */
export function Sparkline({ day }: { readonly day: FunctionDayItem }): ReactNode {
  const most = Math.max(1, ...day.hours.map(({ total }) => total));
  const step = size.width / day.hours.length;
  const height = (count: number) => (count === 0 ? 0 : Math.max(1.5, (count / most) * size.height));
  return (
    <svg
      className="sparkline"
      width={size.width}
      height={size.height}
      role="img"
      aria-label={`By the hour, ${most} at most`}
    >
      {day.hours.map(({ at, total, failed }, index) => {
        const place = { x: index * step, width: step - size.gap };
        return (
          <g key={at}>
            <rect {...place} y={size.height - 1} height={1} className="spark-base" />
            <rect {...place} y={size.height - height(total)} height={height(total)} />
            <rect
              {...place}
              y={size.height - height(failed)}
              height={height(failed)}
              className="spark-failed"
            />
          </g>
        );
      })}
    </svg>
  );
}
