/** The next Ctrl-C or SIGTERM, in place of what Node does with them. */
export function nextSignal(): Disposable & { readonly received: Promise<NodeJS.Signals> } {
  const { promise: received, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.on("SIGINT", resolve).on("SIGTERM", resolve);
  return {
    received,
    [Symbol.dispose]: () => process.off("SIGINT", resolve).off("SIGTERM", resolve),
  };
}
