/** How functions are kept apart, in a word or two. */
export const isolationNames = {
  hardware: "Hardware",
  emulated: "Emulated",
  none: "None",
} as const;

/** What an operator must not miss of how functions are kept apart; null where they are. */
export function isolationWarning(isolation: string): { title: string; text: string } | null {
  if (isolation === "none") {
    return {
      title: "No isolation.",
      text: "Functions are plain processes of this host and can do what their user can. Run only code that you trust.",
    };
  }
  if (isolation === "emulated") {
    return {
      title: "Emulated isolation.",
      text: "Without KVM, microVMs run in software, which QEMU does not promise to be a security boundary. Good for development; do not run code that you do not trust.",
    };
  }
  return null;
}
