/**
 * A client that keeps `connections` calls under way for `seconds` and prints what it saw as JSON.
 * It runs as a process of its own, so that its work is not counted as the server's:
 * `node load.ts '{"url":"http://…","body":"{}","connections":1,"seconds":5,"warmUpSeconds":1}'`
 */
import { Connection, statusOf, type Call } from "./connection.ts";

export interface LoadOrder extends Call {
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

async function run(order: LoadOrder): Promise<LoadReport> {
  const opening = Array.from({ length: order.connections }, () => Connection.open(order));
  const connections = await Promise.all(opening);
  const measure = async (seconds: number) => {
    const times: number[] = [];
    let failures = 0;
    const endMs = performance.now() + seconds * 1000;
    const caller = async (connection: Connection) => {
      for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
        if (statusOf(await connection.call()) !== "200") failures += 1;
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
