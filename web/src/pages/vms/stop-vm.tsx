import { useMutation } from "@tanstack/react-query";
import { OctagonX } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type VmItem } from "../../api.ts";
import { queryClient } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNotice } from "../../ui/notices.tsx";
import { toast } from "../../ui/toasts.tsx";

/** A button that stops a VM, once it was said what that means. */
export function StopVm({
  vm,
  size = "normal",
  gone = false,
}: {
  readonly vm: VmItem;
  readonly size?: "small" | "normal";
  readonly gone?: boolean;
}): ReactNode {
  const [open, setOpen] = useState(false);
  const isSmall = size === "small";
  const reason = gone ? "It has gone" : vm.state === "stopping" ? "It is stopping already" : null;
  return (
    <>
      <Button
        size={size}
        icon={isSmall}
        variant={isSmall ? "quiet" : "danger"}
        disabledReason={reason}
        aria-label={isSmall ? `Stop ${vm.name}` : undefined}
        onClick={() => setOpen(true)}
      >
        <OctagonX size={15} aria-hidden /> {!isSmall && "Stop VM"}
      </Button>
      <StopDialog vm={vm} open={open} onClose={() => setOpen(false)} />
    </>
  );
}

function StopDialog({
  vm,
  open,
  onClose,
}: {
  readonly vm: VmItem;
  readonly open: boolean;
  readonly onClose: () => void;
}): ReactNode {
  const stop = useMutation({
    mutationFn: () => client.deleteVm(vm.id),
    onSuccess: () => {
      toast(`${vm.name} is stopping`);
      onClose();
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["vms"] }),
  });
  return (
    <Dialog title={`Stop ${vm.name}?`} open={open} onClose={onClose}>
      <p>{inFlightText(vm.in_flight)}</p>
      <p>
        Its memory, its files and the terminals in it are lost. Its function stays: it starts
        another VM when it needs one, or at once where it has a minimum of VMs.
      </p>
      {stop.error && <ErrorNotice error={stop.error} />}
      <div className="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          variant="danger"
          disabledReason={stop.isPending ? "It is being stopped" : null}
          onClick={() => stop.mutate()}
        >
          Stop VM
        </Button>
      </div>
    </Dialog>
  );
}

/** What becomes of the calls in it: it is drained. */
function inFlightText(inFlight: number): string {
  if (inFlight === 0) return "It takes no new calls from then on. None is running in it now.";
  const calls = inFlight === 1 ? "The call" : `The ${inFlight} calls`;
  return `It takes no new calls from then on. ${calls} running in it may finish first, within 10 seconds unless the manager is set up otherwise; a call that takes longer fails.`;
}
