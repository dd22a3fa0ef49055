import { Tooltip } from "@base-ui/react/tooltip";
import { createLink, type LinkComponent } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactElement, ReactNode } from "react";

export interface ButtonLook {
  readonly variant?: "primary" | "secondary" | "quiet" | "danger";
  readonly size?: "small" | "normal";
  /** A lone icon; needs an `aria-label`. */
  readonly icon?: boolean;
}

function classOf({ variant = "secondary", size = "normal", icon = false }: ButtonLook): string {
  const words = ["button", `button-${variant}`];
  if (size === "small") words.push("button-small");
  if (icon) words.push("button-icon");
  return words.join(" ");
}

interface ButtonProps extends ButtonLook, ButtonHTMLAttributes<HTMLButtonElement> {
  /** Why it cannot be used now. It can be reached all the same, so that this is to be read. */
  readonly disabledReason?: string | null | undefined;
}

export function Button({
  variant,
  size,
  icon,
  disabledReason,
  onClick,
  children,
  "aria-label": label,
  ...rest
}: ButtonProps): ReactNode {
  const look = { ...(variant && { variant }), ...(size && { size }), ...(icon && { icon }) };
  const blocked = disabledReason !== undefined && disabledReason !== null;
  const button = (
    <button
      type="button"
      {...rest}
      className={classOf(look)}
      aria-disabled={blocked || undefined}
      // A label takes the place of all that is in the button.
      aria-label={label !== undefined && blocked ? `${label} (${disabledReason})` : label}
      onClick={(event) => {
        if (blocked) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
      {blocked && <span className="visually-hidden"> ({disabledReason})</span>}
    </button>
  );
  // A button that can be blocked is the same element when it is: it would lose the focus.
  return disabledReason === undefined ? button : <Hint text={disabledReason}>{button}</Hint>;
}

/** What is said of something when it is pointed at or focused; nothing where that is null. */
export function Hint({
  text,
  children,
}: {
  readonly text: string | null;
  readonly children: ReactElement<Record<string, unknown>>;
}): ReactNode {
  return (
    <Tooltip.Root disabled={text === null}>
      <Tooltip.Trigger delay={150} render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6}>
          <Tooltip.Popup className="tooltip">{text}</Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

function Anchor({
  variant,
  size,
  icon,
  children,
  ...rest
}: ButtonLook & AnchorHTMLAttributes<HTMLAnchorElement>): ReactNode {
  const look = { ...(variant && { variant }), ...(size && { size }), ...(icon && { icon }) };
  return (
    <a {...rest} className={classOf(look)}>
      {children}
    </a>
  );
}

/** A link to a page that looks like a button. */
export const ButtonLink: LinkComponent<typeof Anchor> = createLink(Anchor);
