import "./function.css";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { functionQuery } from "../../queries.ts";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { PageHeader } from "../../ui/page.tsx";
import { FunctionStateBadge } from "../../ui/states.tsx";

const route = getRouteApi("/functions/$function");

/** The heading and the tabs that all pages of one function have. */
export function FunctionFrame(): ReactNode {
  const { function: name } = route.useParams();
  const { data: item, error, refetch } = useQuery(functionQuery(name));
  const params = { function: name };
  return (
    <div className="page">
      <PageHeader
        title={item?.name ?? name}
        above={<Link to="/functions">Functions</Link>}
        badge={item && <FunctionStateBadge state={item.state} />}
      />
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      <nav className="tabs" aria-label="Of this function">
        <Link to="/functions/$function" params={params} activeOptions={{ exact: true }}>
          Overview
        </Link>
        <Link to="/functions/$function/code" params={params}>
          Code
        </Link>
        <Link to="/functions/$function/invocations" params={params}>
          Invocations
        </Link>
        <Link to="/functions/$function/revisions" params={params}>
          Revisions
        </Link>
        <Link to="/functions/$function/settings" params={params}>
          Settings
        </Link>
      </nav>
      {item ? <Outlet /> : !error && <Loading />}
    </div>
  );
}
