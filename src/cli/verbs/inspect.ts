/**
 * Owns: `pgc inspect`: a cluster's states and events for an XState inspector, from a live operator, a journal or an export. Nothing
 * leaves this machine: it listens on loopback, for whoever has the printed ticket.
 */
import type { Command } from 'commander';
import { decidedRows } from '#src/export/decided.ts';
import { statelyFeed, type StatelyMessage } from '#src/export/stately.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import type { NextMessages } from '#src/operator/inspect.ts';
import { clusterOf } from '../cluster-of.ts';
import { print, recorded, tell, verb } from '../command.ts';
import { inspectPage } from '../inspect-page.ts';
import { openInspectServer } from '../inspect-server.ts';
import { Misused } from '../misused.ts';
import type { Source } from '../source.ts';

/** A feed from the first row that there is. */
export function feedOf(source: Source, cluster: ClusterSummary): NextMessages {
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

/** Address of an inspector's page. @throws Misused when no browser could open it, or would run it as a script */
function addressOf(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.href;
  throw new Misused(`${text} is no address of a page`, {
    operation: 'read',
    subject: '--inspector',
    hint: 'write it as https://inspector.example/path',
  });
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
    const server = await openInspectServer({
      cluster: `${cluster.namespace}/${cluster.name}`,
      inspector: addressOf(String(own['inspector'])),
      page: inspectPage(),
      open: () => feedOf(source, cluster),
      nowMs: Date.now,
    });
    print(`page    ${server.page}`);
    print('        shows the transitions, and opens an inspector when you ask it to');
    print(`socket  ${server.socket}`);
    print('        lets one inspector in, once, within a minute');
    print('ends with Ctrl-C');
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    server.close();
    return 0;
  })
    .option('--inspector <url>', 'the page that it offers to open', 'https://stately.ai/inspect')
    .option('--print', 'write the messages instead, one a line');
}
