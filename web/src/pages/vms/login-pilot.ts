/** How far a login is: `stuck` is for people, who find something else than was expected. */
export type LoginState = "name" | "password" | "in" | "stuck";

/** How much may be printed before a prompt. */
const patience = 4_096;

/**
 * Types a name and a password where a terminal asks for them, each once: a browser cannot send them
 * with the handshake of a WebSocket.
 */
export class LoginPilot {
  readonly #username: string;
  readonly #password: string;
  #state: LoginState = "name";
  #printed = "";

  constructor({ username, password }: { readonly username: string; readonly password: string }) {
    this.#username = username;
    this.#password = password;
  }

  get state(): LoginState {
    return this.#state;
  }

  /** Reads what was printed; returns what to type now, or null. */
  read(text: string): string | null {
    if (this.#state === "in" && this.#printed.length < patience) {
      this.#printed += text;
      if (this.#printed.includes("Login incorrect")) this.#state = "stuck";
    }
    if (this.#state === "in" || this.#state === "stuck") return null;
    this.#printed += text;
    const prompt = this.#state === "name" ? /login: $/ : /Password: $/;
    if (prompt.test(this.#printed)) return this.#answer();
    if (this.#printed.length > patience) this.#state = "stuck";
    return null;
  }

  /** Somebody types: what is asked is theirs to answer. */
  leaveToUser(): void {
    if (this.#state !== "in") this.#state = "stuck";
  }

  #answer(): string {
    const answer = this.#state === "name" ? this.#username : this.#password;
    this.#state = this.#state === "name" ? "password" : "in";
    this.#printed = "";
    return `${answer}\r`;
  }
}
