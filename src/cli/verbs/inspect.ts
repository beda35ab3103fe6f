/**
 * Owns: `pgc inspect`: a cluster's states and events for an XState inspector, from a live operator, a journal or an export. Nothing
 * leaves this machine: it listens on loopback, for whoever has the printed ticket.
 */
import { createServer } from 'node:http';
import type { Command } from 'commander';
import { decidedRows } from '#src/export/decided.ts';
import { statelyFeed, type StatelyMessage } from '#src/export/stately.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { attachInspector, type NextMessages } from '#src/operator/inspect.ts';
import { clusterOf, print, recorded, tell, verb } from '../command.ts';
import type { Source } from '../source.ts';

/** A feed from the first row that there is. */
function feedOf(source: Source, cluster: ClusterSummary): NextMessages {
  const feed = statelyFeed(cluster);
  let afterSeq = 0;
  return async () => {
    const begun = afterSeq > 0;
    const { rows, blobs } = await recorded(source, cluster, { afterSeq });
    afterSeq = rows.at(-1)?.seq ?? afterSeq;
    const all = decidedRows(rows, blobs);
    const [first] = all;
    const actors: readonly StatelyMessage[] =
      begun || first === undefined
        ? []
        : feed.actors({ at: first.row.at, state: source.standing?.snapshot.state ?? 'Alive.Pending' });
    return [...actors, ...all.flatMap((each) => feed.row(each))];
  };
}

/** Adds `inspect`. */
export function addInspect(program: Command): void {
  const description = 'states and events for an XState inspector, over a WebSocket on this machine alone';
  verb(program, 'inspect <name>', description, async (source, flags, [name = ''], own) => {
    const cluster = await clusterOf(source, flags, name);
    if (own['print'] === true) {
      const messages = await feedOf(source, cluster)();
      tell(flags, { value: messages, lines: () => messages.map((each) => JSON.stringify(each)), items: messages });
      return 0;
    }
    const server = createServer((_request, response) => response.writeHead(404).end());
    const inspector = attachInspector(server, Date.now);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    print(`ws://127.0.0.1:${port}/inspect?ticket=${inspector.ticket(() => feedOf(source, cluster))}`);
    print('lets one inspector in, within a minute; ends with Ctrl-C');
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    inspector.close();
    server.close();
    return 0;
  }).option('--print', 'write the messages instead, one a line');
}
