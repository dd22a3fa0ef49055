/**
 * What this browser keeps for the console under a key, as JSON; null where that is nothing, or
 * nothing that can be read, or where the browser keeps nothing for anybody.
 */
export function recall(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(nameOf(key)) ?? "null");
  } catch {
    return null;
  }
}

/** Keeps a value, or with null no more; where there is no room for it, it is not kept. */
export function store(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(nameOf(key));
    else localStorage.setItem(nameOf(key), JSON.stringify(value));
  } catch {
    // What is kept is a convenience: everything works without.
  }
}

function nameOf(key: string): string {
  return `firelet.${key}`;
}
