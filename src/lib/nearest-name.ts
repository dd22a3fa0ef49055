/** The name of `names` that `given` is most likely a slip of; null where none is close. */
export function nearestName(given: string, names: Iterable<string>): string | null {
  let nearest: string | null = null;
  // Half of the letters may be wrong (two swapped ones count as two); beyond that a suggestion
  // confuses more than it helps.
  let limit = Math.max(1, Math.floor(given.length / 2));
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance > limit) continue;
    nearest = name;
    limit = distance - 1;
  }
  return nearest;
}

/** Levenshtein's distance: letters to add, remove or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
