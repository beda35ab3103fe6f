/**
 * Owns: the one status write that has no intent: condition JournalIntact, False while the journal cannot be written and True
 * again afterwards. Nothing can be decided then, so nothing can be journaled; a field manager of its own names the exception.
 * A level, not an event: it compares what stands in the statuses with what is so, and writes only where they differ.
 */
import { apiVersion, fieldManagers } from '#machines/shared/names.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { messageOf } from '#src/errors.ts';
import type { Kube } from '#src/kube/api.ts';
import type { Log } from '#src/log.ts';
import type { Clock, Ticks } from '#src/ports.ts';
import { readAnchors, type AnchoredCluster } from './anchors.ts';

export interface NoticePorts {
  readonly kube: Pick<Kube, 'get' | 'send'>;
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly log: Log;
  readonly mayAct: () => boolean;
}

export interface JournalNotice {
  /** Makes the statuses say so; tries again until they do, or until told otherwise. */
  readonly tell: (isWritable: boolean, because: string) => void;
  readonly stop: () => void;
}

const retryMs = 2000;

function body(cluster: AnchoredCluster, condition: object): string {
  const { namespace, name, anchor } = cluster;
  const metadata = { name, namespace, uid: anchor.uid };
  return JSON.stringify({ apiVersion, kind: 'PostgresCluster', metadata, status: { conditions: [condition] } });
}

/** Makes the notice; it says nothing until it is told. */
export function makeJournalNotice(ports: NoticePorts): JournalNotice {
  let told: { readonly isWritable: boolean; readonly because: string } | null = null;
  let tick = ports.ticks.soon(() => undefined);
  let isAtWork = false;

  function condition({ isWritable, because }: { readonly isWritable: boolean; readonly because: string }): object {
    return {
      type: 'JournalIntact',
      status: isWritable ? 'True' : 'False',
      reason: isWritable ? 'Recording' : 'NotWritable',
      message: isWritable
        ? 'every decision is recorded before it takes effect'
        : `the journal cannot be written, so nothing is decided or changed until it can: ${because}`.slice(0, 1024),
      lastTransitionTime: new Date(Math.floor(ports.clock.nowMs() / 1000) * 1000).toISOString().replace('.000Z', 'Z'),
    };
  }

  /** True when every status says what is so. */
  async function write(now: { readonly isWritable: boolean; readonly because: string }): Promise<boolean> {
    if (!ports.mayAct()) return false;
    const { clusters } = await readAnchors(ports.kube, ports.namespaces);
    const wrong = clusters.filter(({ journalIntact }) => journalIntact !== now.isWritable);
    let isDone = true;
    for (const cluster of wrong) {
      if (!ports.mayAct()) return false;
      const answer = await ports.kube.send({
        method: 'PATCH',
        path: `${resourcePath('PostgresCluster', cluster.namespace, cluster.name)}/status`,
        query: { fieldManager: fieldManagers.journal, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: body(cluster, condition(now)),
        auditId: null,
      });
      // Gone, or another one of its name: nobody to tell.
      if (answer.type !== 'ok' && !(answer.type === 'refused' && [404, 409].includes(answer.status))) isDone = false;
    }
    return isDone;
  }

  function again(): void {
    const now = told;
    if (now === null || isAtWork) return;
    isAtWork = true;
    write(now)
      .catch((error: unknown) => {
        ports.log.warn({ because: messageOf(error) }, 'statuses could not be told of the journal');
        return false;
      })
      .then(
        (isDone) => {
          isAtWork = false;
          if (told === now && isDone) told = null;
          if (told !== null) tick = ports.ticks.after(retryMs, again);
        },
        () => undefined,
      );
  }

  return {
    tell: (isWritable, because) => {
      told = { isWritable, because };
      tick.cancel();
      again();
    },
    stop: () => {
      told = null;
      tick.cancel();
    },
  };
}
