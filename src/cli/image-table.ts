import type { Cli } from "./cli.ts";
import type { ImageState } from "./machine.ts";
import { table } from "./table.ts";

/** Images as a table. */
export function imageTable({ out }: Cli, images: readonly ImageState[]): string {
  return table(
    images,
    [
      { title: "RUNTIME", value: ({ runtime }) => runtime },
      { title: "INTERPRETER", value: ({ interpreter }) => interpreter },
      {
        title: "SIZE",
        value: ({ sizeBytes }) =>
          sizeBytes === null ? "-" : `${(sizeBytes / 1024 / 1024).toFixed(1)} MiB`,
      },
      { title: "DIGEST", value: ({ digest }) => digest ?? "not built: firelet images build" },
    ],
    out.width,
  );
}
