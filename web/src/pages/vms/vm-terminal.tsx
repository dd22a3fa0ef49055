import { useQuery } from "@tanstack/react-query";
import { SquareTerminal } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { ApiError, client, type VmItem, type VmShellItem } from "../../api.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Check } from "../../ui/fields.tsx";
import { ErrorNotice, Notice, Skeleton } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import { recall, store } from "../../ui/stored.ts";
import type { LoginState } from "./login-pilot.ts";
import type { ShellPhase } from "./shell-session.ts";

/** xterm comes with the first terminal. */
const Screen = lazy(async () => ({
  default: (await import("./terminal-screen.tsx")).TerminalScreen,
}));

const screenReaderKey = "terminal.screen-reader";

/** A terminal in a VM, which is opened when somebody asks for it. */
export function VmTerminal({
  vm,
  gone,
}: {
  readonly vm: VmItem;
  readonly gone: boolean;
}): ReactNode {
  /** Which one it is: another begins anew. */
  const [count, setCount] = useState(0);
  const [hasEnded, setEnded] = useState(false);
  const {
    data: credentials,
    error,
    isFetching,
    refetch,
  } = useQuery({
    queryKey: ["vm-shells", vm.id],
    queryFn: () => client.getVmShell(vm.id),
    enabled: false,
  });
  const open = async () => {
    const { isSuccess } = await refetch();
    if (!isSuccess) return;
    setEnded(false);
    setCount((before) => before + 1);
  };
  const blocked = gone ? "The VM has gone" : isFetching ? "It is being opened" : null;
  if (credentials === undefined || count === 0) {
    return (
      <Card>
        <div className="vm-terminal-intro">
          <SquareTerminal size={30} strokeWidth={1.5} aria-hidden />
          <h2>A shell in this VM</h2>
          <p className="subtle">
            You are root in it, and are logged in by itself. What you change there is lost with the
            VM, and a shell does not keep the VM from going when nobody invokes its function.
          </p>
          {error !== null && <WhyNoShell error={error} />}
          <Button variant="primary" disabledReason={blocked} onClick={() => void open()}>
            Open a terminal
          </Button>
        </div>
      </Card>
    );
  }
  return (
    <OpenTerminal
      key={count}
      vm={vm}
      credentials={credentials}
      onEnd={() => setEnded(true)}
      reconnect={
        <>
          {hasEnded && error !== null && <WhyNoShell error={error} />}
          <Button size="small" disabledReason={blocked} onClick={() => void open()}>
            Reconnect
          </Button>
        </>
      }
    />
  );
}

/** That a VM has no shell is how it is, and no error. */
function WhyNoShell({ error }: { readonly error: unknown }): ReactNode {
  if (!(error instanceof ApiError && error.code === "no_shell"))
    return <ErrorNotice error={error} />;
  return (
    <div role="status">
      <Notice tone="calm">
        <p>{error.message}</p>
      </Notice>
    </div>
  );
}

function OpenTerminal({
  vm,
  credentials,
  onEnd,
  reconnect,
}: {
  readonly vm: VmItem;
  readonly credentials: VmShellItem;
  readonly onEnd: () => void;
  readonly reconnect: ReactNode;
}): ReactNode {
  const [phase, setPhase] = useState<ShellPhase>({ kind: "connecting" });
  const [login, setLogin] = useState<LoginState>("name");
  const [isTall, setTall] = useState(false);
  const [screenReader, setScreenReader] = useState(() => recall(screenReaderKey) === true);
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isTall) card.current?.scrollIntoView({ block: "start" });
  }, [isTall]);
  return (
    <div ref={card} className={isTall ? "vm-terminal tall" : "vm-terminal"}>
      <Card
        title="Terminal"
        actions={
          <TerminalActions
            state={phaseText(phase, login)}
            isTall={isTall}
            onTall={setTall}
            screenReader={screenReader}
            onScreenReader={setScreenReader}
          />
        }
      >
        <div className="vm-terminal-body">
          {phase.kind === "closed" && (
            <Notice tone="progress">
              <p role="status">{endText(phase)}</p>
              <div className="actions">{reconnect}</div>
            </Notice>
          )}
          <Suspense fallback={<Skeleton height={320} />}>
            <Screen
              vmId={vm.id}
              credentials={credentials}
              screenReader={screenReader}
              onLeave={() => card.current?.querySelector("button")?.focus()}
              onPhase={(now) => {
                setPhase(now);
                if (now.kind === "closed") onEnd();
              }}
              onLogin={setLogin}
            />
          </Suspense>
          <TerminalHelp credentials={credentials} login={login} />
        </div>
      </Card>
    </div>
  );
}

function TerminalActions({
  state,
  isTall,
  onTall,
  screenReader,
  onScreenReader,
}: {
  readonly state: string;
  readonly isTall: boolean;
  readonly onTall: (isTall: boolean) => void;
  readonly screenReader: boolean;
  readonly onScreenReader: (screenReader: boolean) => void;
}): ReactNode {
  return (
    <div className="actions vm-console-actions">
      <span role="status" className="subtle">
        {state}
      </span>
      <Check
        label="Screen reader mode"
        checked={screenReader}
        onChange={(checked) => {
          store(screenReaderKey, checked);
          onScreenReader(checked);
        }}
      />
      <Button size="small" aria-pressed={isTall} onClick={() => onTall(!isTall)}>
        Full height
      </Button>
    </div>
  );
}

function phaseText(phase: ShellPhase, login: LoginState): string {
  if (phase.kind !== "open") return phase.kind === "closed" ? "Closed" : "Connecting …";
  if (login === "in") return "Connected";
  return login === "stuck" ? "Log in, please" : "Logging in …";
}

function endText({ opened, reason }: ShellPhase & { kind: "closed" }): string {
  if (reason !== "") return `The shell has ended: ${reason}.`;
  if (opened) return "The shell has ended: the connection to the manager broke.";
  return "The terminal could not be opened. The VM may be starting or may have gone, or nobody answers in it.";
}

function TerminalHelp({
  credentials: { username, password },
  login,
}: {
  readonly credentials: VmShellItem;
  readonly login: LoginState;
}): ReactNode {
  return (
    <>
      <p className="subtle">
        Every key goes to the VM, <kbd>Tab</kbd> and <kbd>Ctrl</kbd>+<kbd>C</kbd> too.{" "}
        <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>Enter</kbd> leads back to the page. Copy with{" "}
        <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>C</kbd>, paste with <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+
        <kbd>V</kbd>. <code>exit</code> ends the shell.
      </p>
      <details className="vm-login" key={login === "stuck" ? "stuck" : ""} open={login === "stuck"}>
        <summary>Name and password</summary>
        <p>
          <code>{username}</code> <span className="subtle">with</span> <code>{password}</code>
          <CopyButton text={password} label="Copy the password" />
        </p>
        <p className="subtle">The password is this VM&apos;s own and goes with it.</p>
      </details>
    </>
  );
}
