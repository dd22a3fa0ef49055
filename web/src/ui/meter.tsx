import "./meter.css";
import type { ReactNode } from "react";

/** How much of something is in use, as a bar with its words; null where that is not known yet. */
export function Meter({
  label,
  share,
  text,
}: {
  /** What is measured, for those who cannot see where it stands. */
  readonly label: string;
  /** From 0 to 1; what is over it fills the bar. */
  readonly share: number | null;
  /** What is read beside the bar. */
  readonly text: string;
}): ReactNode {
  const percent = share === null ? 0 : Math.round(100 * Math.min(1, Math.max(0, share)));
  return (
    <div className="meter">
      <div
        className="meter-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
      >
        <div
          className={percent >= 90 ? "meter-fill full" : "meter-fill"}
          style={{ width: `${percent}%` }}
        />
      </div>
      <span className="meter-text" aria-hidden>
        {text}
      </span>
    </div>
  );
}
