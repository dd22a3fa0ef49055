import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { VmItem } from "../../api.ts";
import { functionQuery } from "../../queries.ts";
import { isolationNames, isolationWarning } from "../../shell/isolation.ts";
import { CopyButton } from "../../ui/copy.tsx";
import { formatTime } from "../../ui/format.ts";
import { Card, Facts } from "../../ui/page.tsx";
import { Ago } from "../../ui/time.tsx";
import { addressOf } from "./filter-vms.ts";
import { driverText } from "./vms-table.tsx";

/** What a VM is. */
export function VmFacts({ vm, gone }: { readonly vm: VmItem; readonly gone: boolean }): ReactNode {
  const { data: owner } = useQuery(functionQuery(vm.function_id));
  const name = owner?.name ?? vm.function_id;
  const address = addressOf(vm);
  return (
    <Card title="About this VM">
      <Facts
        items={{
          Function: (
            <Link to="/functions/$function" params={{ function: name }}>
              {name}
            </Link>
          ),
          Revision: vm.revision ?? "No code is loaded yet",
          "Calls in it": gone ? "None" : vm.in_flight,
          Size: `${vm.vcpu} vCPU, ${vm.memory_mb} MiB`,
          Address: address === null ? "None yet" : <code>{address}</code>,
          "Process of the host": vm.pid ?? "None yet",
          Driver: driverText(vm),
          Started: vm.started_at === null ? "It is starting" : <Started at={vm.started_at} />,
          "Began as": <Origin snapshot={vm.restored_from} />,
          Id: (
            <span className="vm-id">
              <code>{vm.id}</code>
              <CopyButton text={vm.id} label="Copy the id" />
            </span>
          ),
        }}
      />
      <div className="vm-isolation">
        <h3>Isolation: {isolationNames[vm.isolation].toLowerCase()}</h3>
        <p className="subtle">
          {isolationWarning(vm.isolation)?.text ??
            "The processor keeps this microVM apart from the host and from the others: it has a kernel of its own, and nothing of the host's."}
        </p>
      </div>
    </Card>
  );
}

function Started({ at }: { readonly at: string }): ReactNode {
  return (
    <>
      <Ago time={at} /> <span className="subtle">({formatTime(at)})</span>
    </>
  );
}

function Origin({ snapshot }: { readonly snapshot: string | null }): ReactNode {
  if (snapshot === null) return "A boot of its own";
  return (
    <>
      A clone of snapshot <code>{snapshot}</code>
    </>
  );
}
