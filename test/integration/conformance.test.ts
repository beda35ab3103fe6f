/** The simulated API server against a real one: the same random sequences, the same answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '#src/sim/json.ts';
import { makeCanonical } from '#test/conformance/canonical.ts';
import { sequenceOf } from '#test/conformance/generate.ts';
import { compare, judge, parted, type Difference } from '#test/conformance/run.ts';
import type { RequestStep, Sequence } from '#test/conformance/sequence.ts';
import { startConformanceServer, type ConformanceServer } from '#test/conformance/server.ts';
import { modelSide } from '#test/conformance/sides.ts';

const seed = Number(process.env['SEED'] ?? '1');
const count = Number(process.env['SEQUENCES'] ?? '40');

let server: ConformanceServer;

beforeAll(async () => {
  server = await startConformanceServer();
});

afterAll(() => server.stop());

const configMap = (more: Partial<RequestStep>): RequestStep => ({
  type: 'request',
  kind: 'ConfigMap',
  method: 'GET',
  name: null,
  subresource: '',
  query: { fieldManager: 'tester' },
  contentType: 'application/json',
  body: null,
  ...more,
});

const unlabelled = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '1' } };
const made = configMap({ method: 'POST', body: unlabelled });

function told({ step, model, real }: Difference): string {
  return [JSON.stringify(step), ...parted(model, real)].join('\n');
}

describe('the simulated API server', () => {
  it(`answers ${count} random sequences as a real one does`, async () => {
    const differences: string[] = [];
    let requests = 0;
    for (let each = seed; each < seed + count; each += 1) {
      const namespace = `conformance-${each}`;
      const verdict = await judge(sequenceOf(each), [modelSide(namespace), await server.real.side(namespace)]);
      requests += verdict.requests;
      if (verdict.difference !== null) differences.push(`seed ${each}: ${told(verdict.difference)}`);
    }
    expect(differences).toEqual([]);
    expect(requests).toBeGreaterThan(count * 5);
  });

  it('is told from a server that answers otherwise: nothing that differs is overlooked', () => {
    const sequence: Sequence = { seed: 0, steps: [made] };
    const answer = (version: string) => ({
      replies: [{ status: 201, body: { kind: 'ConfigMap', metadata: { resourceVersion: version } } }],
      watches: [],
    });
    expect(compare(sequence, answer('version-1'), answer('version-1')).difference).toBeNull();
    expect(compare(sequence, answer('version-1'), answer('version-2')).difference?.at).toBe(0);
  });

  it('says that it does not know a version any more, when a page is asked for that was compacted away', async () => {
    const side = modelSide('conformance-gone');
    const { body } = await side.send(made);
    expect(text(body, 'kind')).toBe('ConfigMap');
    const gone = await side.send(configMap({ query: { limit: '1', continue: '{"after":"","version":1}' } }));
    expect(gone.status).toBe(410);
  });

  it('marks the place in a watch as a real one does, and the watch goes on from there', async () => {
    const [model, real] = [modelSide('conformance-marks'), await server.real.side('conformance-marks')];
    const marks: unknown[] = [];
    for (const side of [model, real]) {
      await side.send(made);
      const before = (await side.send(configMap({}))).body;
      const resourceVersion = text(before, 'metadata', 'resourceVersion');
      const labelSelector = 'app=b';
      const query = { resourceVersion, labelSelector, allowWatchBookmarks: 'true', timeoutSeconds: '4' };
      const watch = await side.watch({ type: 'watch', kind: 'ConfigMap', query });
      // Something that the watch does not tell of: a mark is how it says that this is behind it.
      await side.send(configMap({ ...made, body: { ...unlabelled, metadata: { name: 'b' } } }));
      await watch.until(() => watch.isOver());
      const mark = watch.events.find((event) => text(event, 'type') === 'BOOKMARK');
      marks.push(mark === undefined ? 'none' : makeCanonical().event(mark));
      const from = text(mark, 'object', 'metadata', 'resourceVersion');
      const change = { metadata: { labels: { app: 'b' } } };
      const patch = { method: 'PATCH', name: 'a', contentType: 'application/merge-patch+json', body: change } as const;
      await side.send(configMap(patch));
      const rest = { resourceVersion: from, labelSelector };
      const next = await side.watch({ type: 'watch', kind: 'ConfigMap', query: rest });
      await next.until(() => next.events.length > 0);
      expect(next.events.map((event) => [text(event, 'type'), text(event, 'object', 'metadata', 'name')])).toEqual([
        ['ADDED', 'a'],
      ]);
      side.end();
    }
    expect(marks[0]).not.toBe('none');
    expect(marks[0]).toEqual(marks[1]);
  });

  it('ends a watch from before its history as a real one does', async () => {
    const ends: unknown[] = [];
    for (const side of [modelSide('conformance-old'), await server.real.side('conformance-old')]) {
      const query = { resourceVersion: '1' };
      const watch = await side.watch({ type: 'watch', kind: 'PostgresCluster', query });
      await watch.until(() => watch.isOver() || watch.events.length > 0);
      ends.push(makeCanonical().event(watch.events[0]));
      side.end();
    }
    expect(ends[0]).toEqual(ends[1]);
    expect(text(ends[0], 'object', 'reason')).toBe('Expired');
  });
});
