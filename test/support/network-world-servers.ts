/**
 * The services of one stand-in host of `NetworkWorld`: node network-world-servers.ts CONFIG, where
 * CONFIG is the JSON of `WorldServersConfig`. Prints `ready` when all of them listen.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import {
  decode,
  encode,
  type Packet,
  RECURSION_AVAILABLE,
  streamDecode,
  streamEncode,
} from "dns-packet";
import { WebSocketServer } from "ws";

export interface WorldServersConfig {
  readonly httpPorts: readonly number[];
  /** Where UDP is answered with what came, each from its own address. */
  readonly echo: { readonly hosts: readonly string[]; readonly port: number };
  /** Files of a certificate and its key; null has no HTTPS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** What names stand for: an IPv4 address, or another name. Null has no name server. */
  readonly names: Readonly<Record<string, string>> | null;
}

const config = JSON.parse(process.argv[2] ?? "") as WorldServersConfig;
const mib = Buffer.alloc(2 ** 20, "0123456789abcdef");

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://world");
  if (url.pathname === "/bytes") return void sendMib(response, Number(url.searchParams.get("mib")));
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ host: request.headers.host, from: request.socket.remoteAddress }));
}

async function sendMib(response: ServerResponse, count: number): Promise<void> {
  for (let sent = 0; sent < count && !response.destroyed; sent += 1) {
    if (!response.write(mib))
      await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

for (const port of config.httpPorts) {
  const server = createHttpServer(answer).listen({ port, host: "::" });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  await once(server, "listening");
}

if (config.tls !== null) {
  const { cert, key } = config.tls;
  const server = createHttpsServer({ cert: readFileSync(cert), key: readFileSync(key) }, answer);
  await once(server.listen({ port: 443, host: "::" }), "listening");
}

for (const host of config.echo.hosts) {
  const socket = createSocket("udp4");
  socket.on("message", (message, { address, port }) => socket.send(message, port, address));
  socket.bind(config.echo.port, host);
  await once(socket, "listening");
}

if (config.names !== null) await serveNames(config.names);

process.stdout.write("ready\n");

async function serveNames(names: Readonly<Record<string, string>>): Promise<void> {
  const reply = (query: Packet) => {
    const [question] = query.questions ?? [];
    const answers = question === undefined ? [] : [...resolved(question.name.toLowerCase(), names)];
    return {
      type: "response" as const,
      id: query.id ?? 0,
      flags: RECURSION_AVAILABLE | (answers.length === 0 ? 3 : 0),
      questions: query.questions ?? [],
      answers: question?.type === "A" ? answers : [],
    };
  };
  const udp = createSocket("udp4");
  udp.on("message", (message, { address, port }) =>
    udp.send(encode(reply(decode(message))), port, address),
  );
  udp.bind(53);
  await once(udp, "listening");
  const tcp = createTcpServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (data) => socket.end(streamEncode(reply(streamDecode(data)))));
  });
  await once(tcp.listen(53, "0.0.0.0"), "listening");
}

function* resolved(name: string, names: Readonly<Record<string, string>>) {
  for (let next: string | undefined = names[name], owner = name; next !== undefined;) {
    const isAddress = /^[\d.]+$/.test(next);
    yield {
      type: isAddress ? ("A" as const) : ("CNAME" as const),
      name: owner,
      ttl: 30,
      data: next,
    };
    owner = next;
    next = isAddress ? undefined : names[next];
  }
}
