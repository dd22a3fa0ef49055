import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { FunctionItem } from "../../api.ts";
import { functionQuery } from "../../queries.ts";

const route = getRouteApi("/functions/$function");

/** The function that a page inside its frame is about: the frame shows none before it is there. */
export function useFunction(): FunctionItem {
  const { function: name } = route.useParams();
  const { data } = useQuery(functionQuery(name));
  if (data === undefined) throw new Error("This page is shown by the frame of a function alone");
  return data;
}
