/** What is said to Patroni through its own objects, as requests: they hold the leader's lock, and whatever replaces it ends it. */
import { expect, it } from 'vitest';
import type { Json } from '#machines/cluster/plan.ts';
import { patroniConfig, switchover } from '#src/decision/render-patroni.ts';
import type { RenderContext } from '#src/decision/requests.ts';
import { calm, factsOf, plan } from '../../machines/cluster/worlds.ts';

const read = { uid: 'e', resourceVersion: '7' };
const context: RenderContext = {
  facts: factsOf(calm),
  plan,
  versions: () => read,
  status: { type: 'api', method: 'PATCH', path: '', query: {}, contentType: null, body: null, generated: [] },
  at: 0,
  suffix: '',
};
const wish = { uid: 'e', because: '' };
const configuration = patroniConfig(context, {
  ...wish,
  type: 'PatchPatroniConfig',
  target: { kind: 'Endpoints', name: 'shop-config' },
  config: { ttl: 30 },
});
const handOver = switchover(context, {
  ...wish,
  type: 'RequestSwitchover',
  target: { kind: 'Endpoints', name: 'shop-failover' },
  leader: 'shop-0',
  candidate: 'shop-1',
});

it.each([
  { what: 'a configuration', sent: configuration, annotations: { config: '{"ttl":30}' } },
  { what: 'a switchover', sent: handOver, annotations: { leader: 'shop-0', member: 'shop-1' } },
])('$what changes what it names and keeps the rest (23)', ({ sent, annotations }) => {
  if (sent?.request.type !== 'api') throw new Error('it goes to the API server');
  const { method, contentType, body } = sent.request;
  expect([method, contentType]).toEqual(['PATCH', 'application/merge-patch+json']);
  expect(JSON.parse(body ?? '') as Json).toEqual({ metadata: { ...read, annotations } });
});
