/** Whether a version, as its numbers, comes before the other; numbers that are not there are 0. */
export function isBefore(version: readonly number[], other: readonly number[]): boolean {
  const length = Math.max(version.length, other.length);
  for (let index = 0; index < length; index += 1) {
    const number = version[index] ?? 0;
    const against = other[index] ?? 0;
    if (number !== against) return number < against;
  }
  return false;
}
