import { findProgram } from "../../src/os/find-program.ts";

/**
 * The reason for `describe`'s `skip` where a program that tests need is not there; false where it
 * is. With REQUIRE_TOOLS=1, as under `./firelet test`, which installs them, that throws instead.
 */
export function skipWithout(name: string, isThere = findProgram(name) !== null): string | false {
  if (isThere) return false;
  const skip = `There is no ${name} here; ./firelet test installs it`;
  if (process.env["REQUIRE_TOOLS"] === "1") throw new Error(skip);
  return skip;
}
