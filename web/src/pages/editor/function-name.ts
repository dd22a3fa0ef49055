/** What the contract says of a name: src/api/functions.ts. */
const pattern = /^[a-z][a-z0-9-]{0,62}$/;
const longest = 63;

/** What is wrong with the name of a new function; null where nothing is. */
export function nameProblem(name: string, taken: ReadonlySet<string>): string | null {
  if (name === "") return "A function needs a name";
  if (!/^[a-z]/.test(name)) return "A name begins with a letter from a to z";
  if (!/^[a-z0-9-]*$/.test(name)) return "A name is made of a to z, 0 to 9 and -";
  if (!pattern.test(name)) return `A name has ${longest} characters at most`;
  return taken.has(name) ? `There is a ${name} already; ${freeName(name, taken)} is free` : null;
}

/** `wanted`, or the same with the first number that makes it nobody else's. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) {
    const end = `-${number}`;
    name = wanted.slice(0, longest - end.length) + end;
  }
  return name;
}
