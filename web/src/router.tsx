import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { NotFound, PageError } from "./pages/not-found.tsx";
import { readInvocationSearch } from "./pages/function/invocation-search.ts";
import { hostQuery, queryClient } from "./queries.ts";
import { readSearch } from "./pages/functions/sorting.ts";
import { Shell } from "./shell/shell.tsx";

/** Every page is loaded when it is first wanted. The manager serves this document for all of them. */
const root = createRootRoute({
  // What warns of a host stands above every page, which would move under the pointer.
  loader: () => queryClient.prefetchQuery({ ...hostQuery, retry: false }),
  component: Shell,
  notFoundComponent: NotFound,
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/functions", replace: true });
  },
});

const functions = createRoute({
  getParentRoute: () => root,
  path: "/functions",
  validateSearch: readSearch,
  component: lazyRouteComponent(
    () => import("./pages/functions/functions-page.tsx"),
    "FunctionsPage",
  ),
});

const newFunction = createRoute({
  getParentRoute: () => root,
  path: "/functions/new",
  component: lazyRouteComponent(() => import("./pages/editor/new-page.tsx"), "NewFunctionPage"),
});

/** A function by its name or id: the tabs below share its heading. */
const functionFrame = createRoute({
  getParentRoute: () => root,
  path: "/functions/$function",
  component: lazyRouteComponent(
    () => import("./pages/function/function-frame.tsx"),
    "FunctionFrame",
  ),
});

const overview = createRoute({
  getParentRoute: () => functionFrame,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/function/overview-page.tsx"), "OverviewPage"),
});

const code = createRoute({
  getParentRoute: () => functionFrame,
  path: "/code",
  component: lazyRouteComponent(() => import("./pages/editor/code-page.tsx"), "CodePage"),
});

const invocations = createRoute({
  getParentRoute: () => functionFrame,
  path: "/invocations",
  validateSearch: readInvocationSearch,
  component: lazyRouteComponent(
    () => import("./pages/function/invocations-page.tsx"),
    "InvocationsPage",
  ),
});

const revisions = createRoute({
  getParentRoute: () => functionFrame,
  path: "/revisions",
  component: lazyRouteComponent(() => import("./pages/editor/revisions-page.tsx"), "RevisionsPage"),
});

const settings = createRoute({
  getParentRoute: () => functionFrame,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/function/settings-page.tsx"), "SettingsPage"),
});

const vms = createRoute({
  getParentRoute: () => root,
  path: "/vms",
  component: lazyRouteComponent(() => import("./pages/vms/vms-page.tsx"), "VmsPage"),
});

const vm = createRoute({
  getParentRoute: () => root,
  path: "/vms/$vm",
  component: lazyRouteComponent(() => import("./pages/vms/vm-page.tsx"), "VmPage"),
});

const host = createRoute({
  getParentRoute: () => root,
  path: "/host",
  component: lazyRouteComponent(() => import("./pages/host/host-page.tsx"), "HostPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    functions,
    newFunction,
    functionFrame.addChildren([overview, code, invocations, revisions, settings]),
    vms,
    vm,
    host,
  ]),
  defaultPreload: "intent",
  defaultErrorComponent: PageError,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
