import type { LucideIcon } from "lucide-react";
import { type ReactNode, useEffect } from "react";

/** What a page is, and what can be done on it. Its title is the browser tab's too. */
export function PageHeader({
  title,
  above,
  badge,
  children,
}: {
  readonly title: string;
  /** The way back. */
  readonly above?: ReactNode;
  readonly badge?: ReactNode;
  /** Buttons. */
  readonly children?: ReactNode;
}): ReactNode {
  useEffect(() => {
    document.title = `${title} · Firelet`;
  }, [title]);
  return (
    <header className="page-header">
      <div className="titles">
        {above && <div className="above">{above}</div>}
        <div className="title-line">
          <h1>{title}</h1>
          {badge}
        </div>
      </div>
      {children && <div className="actions">{children}</div>}
    </header>
  );
}

/** A part of a page with a heading. */
export function Card({
  title,
  actions,
  children,
  flush = false,
}: {
  readonly title?: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** Without space around what is in it, such as a table. */
  readonly flush?: boolean;
}): ReactNode {
  return (
    <section className="card" aria-label={title}>
      {title !== undefined && (
        <div className="card-header">
          <h2>{title}</h2>
          {actions}
        </div>
      )}
      {flush ? children : <div className="card-body">{children}</div>}
    </section>
  );
}

/** That there is nothing, why, and what to do. */
export function Empty({
  icon: Icon,
  title,
  children,
  action,
}: {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}): ReactNode {
  return (
    <div className="empty">
      <Icon size={30} strokeWidth={1.5} aria-hidden />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Names and values. What is undefined is left out. */
export function Facts({
  items,
}: {
  readonly items: Readonly<Record<string, ReactNode>>;
}): ReactNode {
  return (
    <dl className="facts">
      {Object.entries(items)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
