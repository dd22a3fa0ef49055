import "./shell.css";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { Monitor, Moon, Server, SquareFunction, Sun, Cpu } from "lucide-react";
import type { ReactNode } from "react";
import { useConnection } from "../live.ts";
import { hostQuery } from "../queries.ts";
import { setTheme, type Theme, useTheme } from "../theme.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/notices.tsx";
import { Announcer } from "./announcer.tsx";
import { isolationWarning } from "./isolation.ts";

/** What is around every page. */
export function Shell(): ReactNode {
  const { data: host } = useQuery(hostQuery);
  return (
    <div className="shell">
      <a className="button skip-link" href="#main">
        Skip to the page
      </a>
      <div className="shell-side">
        <Link to="/functions" className="shell-brand" aria-label="Firelet">
          <img src="/icon.svg" width="28" height="28" alt="" />
          <span>Firelet</span>
        </Link>
        <nav className="shell-nav" aria-label="Pages">
          <Link to="/functions">
            <SquareFunction size={17} aria-hidden /> Functions
          </Link>
          <Link to="/vms">
            <Cpu size={17} aria-hidden /> VMs
          </Link>
          <Link to="/host">
            <Server size={17} aria-hidden /> Host
          </Link>
        </nav>
        <footer className="shell-foot">
          <div className="links">
            <a href="/docs">API reference</a>
            <ThemeButton />
          </div>
          {host && <div className="subtle version">Version {host.version}</div>}
        </footer>
      </div>
      <Announcer page="#main" />
      <main id="main" className="shell-main" tabIndex={-1}>
        <ConnectionNotice />
        {host && <IsolationNotice isolation={host.isolation} />}
        <Outlet />
      </main>
    </div>
  );
}

function ConnectionNotice(): ReactNode {
  if (useConnection() !== "lost") return null;
  return (
    <Notice tone="bad">
      <p>
        The connection to the manager is lost. What you see may be out of date; it is tried again
        all the time.
      </p>
    </Notice>
  );
}

function IsolationNotice({ isolation }: { readonly isolation: string }): ReactNode {
  const warning = isolationWarning(isolation);
  if (warning === null) return null;
  return (
    <Notice tone={isolation === "none" ? "bad" : "progress"}>
      <p>
        <strong>{warning.title}</strong> {warning.text} <Link to="/host">More about this host</Link>
      </p>
    </Notice>
  );
}

const nextTheme: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const themeIcons = { system: Monitor, light: Sun, dark: Moon } as const;

function ThemeButton(): ReactNode {
  const theme = useTheme();
  const Icon = themeIcons[theme];
  const next = nextTheme[theme];
  return (
    <Button
      variant="quiet"
      size="small"
      icon
      aria-label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => setTheme(next)}
    >
      <Icon size={16} aria-hidden />
    </Button>
  );
}
