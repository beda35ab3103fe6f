/**
 * Owns: whether this journal is the one that the API server remembers. Statuses name a row (an anchor), the Lease names the
 * operator chain's head. A place of a term that this journal led must be in it, else rows are lost; a place of a term that it
 * never led is another operator's history, and the gap is recorded.
 * Does not own: proving the rows themselves (`src/journal/verify.ts`).
 */
import type { Anchor } from '#src/journal/verify.ts';
import type { JournalReader } from '#src/journal/read.ts';
import type { OperatorHead, TermBegun } from '#src/kube/lease.ts';
import type { AnchoredCluster } from './anchors.ts';

/** What a `gap` row's body says. */
export interface GapBody {
  readonly because: string;
  /** Place that the status names; null when only the Lease names one. */
  readonly anchor: Anchor | null;
  /** Term before ours as the Lease told of it; null when that term is this journal's. */
  readonly previous: TermBegun['previous'];
}

export interface Gap {
  readonly cluster: AnchoredCluster;
  readonly body: GapBody;
}

/** Highest epoch that a journal's rows name; 0 for an empty one. */
export function epochOf(reader: JournalReader): number {
  return reader.heads().reduce((most, { epoch }) => Math.max(most, epoch), 0);
}

/** Looks at every row of a cluster: asked for only where its place is not simply there. */
function gapBodies(reader: JournalReader, uid: string): readonly GapBody[] {
  return reader.gaps(uid).map(({ body }) => JSON.parse(body) as GapBody);
}

function isAt(anchor: Anchor | null, { epoch, seq, head }: Anchor): boolean {
  return anchor !== null && anchor.epoch === epoch && anchor.seq === seq && anchor.head === head;
}

function isThere(reader: JournalReader, { uid, seq, head }: Anchor): boolean {
  return reader.row(uid, seq)?.hash === head;
}

/**
 * Anchors that this journal must hold: of its own terms, and not told of by an earlier gap.
 * @param reader null when there is no journal yet: then nothing must be in it
 */
export function ownAnchors(reader: JournalReader | null, anchors: readonly Anchor[]): readonly Anchor[] {
  if (reader === null) return [];
  const led = epochOf(reader);
  return anchors.filter(
    (anchor) =>
      anchor.seq > 0 &&
      anchor.epoch <= led &&
      (isThere(reader, anchor) || !gapBodies(reader, anchor.uid).some((gap) => isAt(gap.anchor, anchor))),
  );
}

function isForeign(reader: JournalReader, head: OperatorHead): boolean {
  return head.seq > 0 && reader.operatorHeadAt(head.seq) !== head.head;
}

/**
 * Gaps that are to be recorded, one for each cluster at most: its rows, or its latest ones, are in another journal.
 * @param previous what the Lease said of the term before
 */
export function gapsOf(
  reader: JournalReader,
  clusters: readonly AnchoredCluster[],
  previous: TermBegun['previous'],
): readonly Gap[] {
  const foreign = previous !== null && isForeign(reader, previous.head) ? previous : null;
  return clusters.flatMap((cluster): readonly Gap[] => {
    const { anchor } = cluster;
    const told = (): readonly GapBody[] => gapBodies(reader, anchor.uid);
    const isHeld =
      anchor.seq === 0
        ? reader.firstSeq(anchor.uid) !== null
        : isThere(reader, anchor) || reader.remembers(anchor) || told().some((gap) => isAt(gap.anchor, anchor));
    const isLed = foreign === null || told().some((gap) => gap.previous?.head.head === foreign.head.head);
    if (isHeld && isLed) return [];
    const because = isHeld
      ? `${foreign?.holder ?? 'another operator'} led term ${foreign?.epoch ?? 0} with another journal`
      : 'status names a place in a journal that this one does not hold';
    return [{ cluster, body: { because, anchor: isHeld ? null : anchor, previous: foreign } }];
  });
}
