/**
 * Owns: health, metrics and journal API of the operators of a world, on the same loopback ports for as long as the world is:
 * whoever leads answers, and nobody does while nobody leads, as on a real cluster.
 */
import { openHttp, type HttpPorts, type HttpServers } from '#src/operator/http.ts';
import type { OperatorOptions } from '#src/operator/options.ts';
import { makeMetrics } from '#src/status/metrics.ts';
import type { World } from '../world.ts';

export interface JournalServer {
  /** For the operators of the world, in place of sockets of their own. */
  readonly serve: NonNullable<OperatorOptions['serve']>;
  /** Listens. @throws when the port is taken */
  readonly open: (world: World, port: number) => Promise<HttpServers>;
}

const host = '127.0.0.1';

/** Nobody listens yet. */
export function makeJournalServer(): JournalServer {
  let known: readonly HttpPorts[] = [];
  const idle = makeMetrics();
  return {
    serve: (ports) => {
      known = [...known, ports];
      return Promise.resolve({ httpPort: 0, apiPort: 0, close: () => Promise.resolve() });
    },
    open: (world, port) => {
      // Of processes that are dead, the journals are closed: only what a seat still calls its own is read.
      const leader = (): HttpPorts | undefined => {
        const open = new Set(world.operators.map((seat) => seat.journal()).filter((journal) => journal !== null));
        return known.findLast((ports) => {
          const journal = ports.journal();
          return journal !== null && open.has(journal);
        });
      };
      const ports: HttpPorts = {
        get metrics() {
          return leader()?.metrics ?? idle;
        },
        health: { troubles: () => leader()?.health.troubles() ?? ['waiting for the Lease'] },
        journal: () => leader()?.journal() ?? null,
        actors: () => leader()?.actors() ?? null,
        build: 'simulated',
        keep: { ageMs: Infinity, bytes: Infinity },
      };
      return openHttp(ports, { http: { host, port: 0 }, api: { host, port } });
    },
  };
}
