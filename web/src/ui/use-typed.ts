import { useEffect, useRef, useState } from "react";

/** How long nothing is typed until it is told. */
const restMs = 150;

/**
 * A field whose value comes back late, as from the address: what is typed stands in it at once, and
 * is told when the typing rests. A value that nobody has typed, as of a button that clears the
 * field, takes the place of what is there.
 */
export function useTyped(value: string, tell: (value: string) => void) {
  const [typed, setTyped] = useState(value);
  const [told, setTold] = useState(value);
  const [known, setKnown] = useState(value);
  if (value !== known) {
    setKnown(value);
    if (value !== told) setTyped(value);
    setTold(value);
  }
  const latest = useRef(tell);
  useEffect(() => {
    latest.current = tell;
  });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    typed,
    type: (next: string) => {
      setTyped(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        setTold(next);
        latest.current(next);
      }, restMs);
    },
  };
}
