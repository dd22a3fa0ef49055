import type { HostCheck, HostView } from "./host-check.ts";
import { remount } from "./host-checks.ts";

const unitFile = "/etc/systemd/system/firelet.service";

/** The manager as a service of systemd, which starts `launcher` with the host; systemd.service(5). */
export function serviceUnit(launcher: string): string {
  return `# Written by: firelet host setup
[Unit]
Description=Firelet: serverless functions in microVMs
Documentation=file://${launcher.replace(/[^/]+$/, "README.md")}
Wants=network-online.target
After=network-online.target

[Service]
# Where the kernel knows it.
ExecStartPre=-${remount.join(" ")}
ExecStart="${launcher.replaceAll("%", "%%")}" up --yes
# VMs are held to their limits in groups below the service's own.
Delegate=yes
# A VM that needs more memory than it has is no reason to end the others.
OOMPolicy=continue
# The manager ends its VMs, once they have finished their calls.
KillMode=mixed
TimeoutStopSec=60
# The first start builds the images.
TimeoutStartSec=infinity
Restart=on-failure
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;
}

/** Whether the service is there, as it should be. */
export async function checkService(host: HostView, launcher: string): Promise<HostCheck> {
  const about = {
    name: "Service",
    why: "The manager starts with the host, in a control group of its own, and may open many files.",
  };
  const text = serviceUnit(launcher);
  const there = await host.read(unitFile);
  if (there === text.trim()) return { ...about, state: "good", found: unitFile, steps: [] };
  if (!(await host.exists("/run/systemd/system"))) {
    const advice = `Start "${launcher} up --yes" with the host, in a control group of its own`;
    return { ...about, state: "advice", found: "no systemd runs here", steps: [], advice };
  }
  return {
    ...about,
    state: "advice",
    found: there === null ? `no ${unitFile}` : `${unitFile} is another`,
    steps: [{ write: unitFile, text }, { run: ["systemctl", "daemon-reload"] }],
  };
}
