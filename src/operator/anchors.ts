/** Owns: what the API server knows of our journal: epochs and heads in statuses, read before the journal is opened. */
import { isObject } from '#machines/shared/json.ts';
import type { Anchor } from '#src/journal/verify.ts';
import type { Kube } from '#src/kube/api.ts';
import { messageOf, Transient } from '#src/errors.ts';
import { listAll } from '#src/watch/list.ts';
import { sourcesOf } from '#src/watch/sources.ts';

/** A cluster whose status names a place in a journal. */
export interface AnchoredCluster {
  readonly namespace: string;
  readonly name: string;
  readonly anchor: Anchor;
  /** False when the status says that the journal cannot be written. */
  readonly journalIntact: boolean;
}

export interface Anchors {
  readonly anchors: readonly Anchor[];
  readonly clusters: readonly AnchoredCluster[];
  /** Highest epoch in any status; 0 when there is none. */
  readonly epoch: number;
  /** Namespaces that this identity may not list, while it may list others: what their statuses name is not known. */
  readonly unread: readonly string[];
}

function anchorOf(cluster: unknown): Anchor | null {
  const metadata = isObject(cluster) && isObject(cluster['metadata']) ? cluster['metadata'] : {};
  const status = isObject(cluster) && isObject(cluster['status']) ? cluster['status'] : {};
  const journal = isObject(status['journal']) ? status['journal'] : {};
  const { uid } = metadata;
  const { epoch, seq, head } = journal;
  if (typeof uid !== 'string' || typeof epoch !== 'number' || typeof seq !== 'number' || typeof head !== 'string')
    return null;
  return head === '' ? { uid, epoch, seq: 0, head } : { uid, epoch, seq, head };
}

function isJournalIntact(cluster: unknown): boolean {
  const status = isObject(cluster) && isObject(cluster['status']) ? cluster['status'] : {};
  const conditions: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  return !conditions.some((each) => isObject(each) && each['type'] === 'JournalIntact' && each['status'] === 'False');
}

/** Asks, and notes whether the last answer was that this is forbidden. */
function noting(kube: Pick<Kube, 'get'>): { readonly kube: Pick<Kube, 'get'>; readonly isForbidden: () => boolean } {
  let status = 0;
  return {
    kube: {
      get: async (path, query) => {
        const answer = await kube.get(path, query);
        status = answer.type === 'refused' ? answer.status : 0;
        return answer;
      },
    },
    isForbidden: () => status === 403,
  };
}

/**
 * Reads the anchors of all clusters. One namespace of several that may not be listed does not keep the others waiting.
 * @throws Transient when the API server does not answer, or when nothing may be listed
 */
export async function readAnchors(kube: Pick<Kube, 'get'>, namespaces: readonly string[]): Promise<Anchors> {
  const clusters: AnchoredCluster[] = [];
  const unread: string[] = [];
  const asked = noting(kube);
  for (const source of sourcesOf(namespaces).filter((each) => each.kind === 'PostgresCluster')) {
    const listed = await listAll(asked.kube, source);
    if (listed.type !== 'listed' && asked.isForbidden() && source.namespace !== null)
      if (unread.push(source.namespace) < namespaces.length) continue;
    if (listed.type !== 'listed') {
      throw new Transient('because' in listed ? listed.because : 'the list has no end', {
        operation: 'list',
        subject: source.name,
        hint: 'is the CRD installed (make install), and may this identity list it?',
      });
    }
    for (const item of listed.found.values()) {
      const anchor = anchorOf(item);
      const { namespace = '', name } = item.metadata;
      if (anchor !== null) clusters.push({ anchor, namespace, name, journalIntact: isJournalIntact(item) });
    }
  }
  const anchors = clusters.map(({ anchor }) => anchor);
  return { anchors, clusters, epoch: anchors.reduce((most, anchor) => Math.max(most, anchor.epoch), 0), unread };
}

/** Retries `run` with the given pause until it succeeds; tells each failure. */
export async function untilAnswered<T>(
  run: () => Promise<T>,
  pause: () => Promise<void>,
  tell: (because: string) => void,
): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      tell(messageOf(error));
      await pause();
    }
  }
}
