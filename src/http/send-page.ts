import { createReadStream } from "node:fs";
import type { FastifyReply } from "fastify";

/**
 * What a page of ours may do: use what is served here, and send nothing elsewhere. What a function
 * printed could be a program, and is none where nothing but files of the manager may run.
 */
export function contentSecurityPolicy(styles: "'self'" | "'self' 'unsafe-inline'"): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** Sends a file that may have changed when it is wanted again. */
export function sendPage(reply: FastifyReply, file: string, type: string): FastifyReply {
  return reply
    .type(`${type}; charset=utf-8`)
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
    .header("cache-control", "no-cache")
    .send(createReadStream(file));
}
