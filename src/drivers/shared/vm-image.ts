import { stat } from "node:fs/promises";

import type { VmImage } from "../../core/runtime.ts";
import type { VmSpec } from "../../core/vm.ts";

/** The files that a VM is booted from. Throws for an image that is no VM's. */
export function vmImage({ image }: Pick<VmSpec, "image">): VmImage {
  if (image.kind === "vm") return image;
  throw new Error(`a VM cannot be started from an image of the kind "${image.kind}"`);
}

/**
 * Rejects where the memory of a snapshot has another size than its guest. QEMU would make an empty
 * file as long as it wants one, and restore a guest without memory.
 */
export async function checkMemory(path: string, memoryMib: number): Promise<void> {
  const { size } = await stat(path);
  const wanted = memoryMib * 2 ** 20;
  if (size === wanted) return;
  throw new Error(`the memory of its snapshot has ${size} bytes, not ${wanted}: ${path}`);
}
