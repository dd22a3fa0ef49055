import { useSyncExternalStore } from "react";
import { recall, store } from "./ui/stored.ts";

/** What the user has chosen; `system` follows the browser. */
export type Theme = "system" | "light" | "dark";

const key = "theme";
const listeners = new Set<() => void>();
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme {
  const stored = recall(key);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Shows the page as the user has chosen. */
export function applyTheme(): void {
  const theme = chosen();
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function setTheme(theme: Theme): void {
  store(key, theme);
  applyTheme();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  systemIsDark.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    systemIsDark.removeEventListener("change", listener);
  };
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, chosen);
}

/** Whether the page is dark now, for what does not read style sheets: charts and the terminal. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => {
    const theme = chosen();
    return theme === "system" ? systemIsDark.matches : theme === "dark";
  });
}
