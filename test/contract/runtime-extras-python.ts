import type { ExtraCase } from "./runtime-cases.ts";

/** What only Python promises. */
export const pythonExtras: readonly ExtraCase[] = [];
