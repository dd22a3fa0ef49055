/** Structured logging; pino fits as it is. Fields are camelCase and carry ids, never code or events. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
