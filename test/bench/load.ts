/**
 * A client that keeps `connections` calls under way for `seconds` and prints what it saw as JSON.
 * It runs as a process of its own, so that its work is not counted as the server's:
 * `node load.ts '{"url":"http://…","body":"{}","connections":1,"seconds":5,"warmUpSeconds":1}'`
 */
import { connect, type Socket } from "node:net";

export interface LoadOrder {
  readonly url: string;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with another status than 200. */
  readonly failures: number;
}

/** One kept-alive connection that does as little as possible, so that the server's time is seen. */
class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;

  constructor({ url, body }: LoadOrder) {
    const { hostname, port, pathname, host } = new URL(url);
    this.#request = Buffer.from(
      `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
  }

  /** Resolves to the status of the answer, once it is there whole. */
  call(): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const onData = (chunk: Buffer) => {
        answer += chunk.toString("latin1");
        const length = /\r\ncontent-length: (\d+)\r\n/i.exec(answer)?.[1];
        const head = answer.indexOf("\r\n\r\n");
        if (head < 0 || answer.length < head + 4 + Number(length)) return;
        this.#socket.off("data", onData).off("error", reject);
        resolve(answer.slice(9, 12));
      };
      this.#socket.on("data", onData).once("error", reject).write(this.#request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const connections = Array.from({ length: order.connections }, () => new Connection(order));
  const measure = async (seconds: number) => {
    const times: number[] = [];
    let failures = 0;
    const endMs = performance.now() + seconds * 1000;
    const caller = async (connection: Connection) => {
      for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
        if ((await connection.call()) !== "200") failures += 1;
        times.push(performance.now() - startMs);
      }
    };
    await Promise.all(connections.map(caller));
    return { times, failures };
  };
  await measure(order.warmUpSeconds);
  const { times, failures } = await measure(order.seconds);
  for (const connection of connections) connection.close();
  times.sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.floor(times.length * q)] ?? Number.NaN;
  return {
    requests: times.length,
    perSecond: Math.round(times.length / order.seconds),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    failures,
  };
}

process.stdout.write(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "{}") as LoadOrder)));
