/** Hazard: what Kubernetes, a webhook or a registry said tells strangers of hosts, taints and quotas that stand in no spec. */
import { describe, expect, it } from 'vitest';
import { foreignNames, shownForeign } from '#src/export/redact-foreign.ts';

const texts: readonly (readonly [string, string])[] = [
  [
    'Unschedulable: 0/3 nodes are available: 1 node(s) had untolerated taint {acme.example/dedicated: dbteam}, 2 Insufficient cpu.',
    'Unschedulable: 0/3 nodes are available: 1 node(s) had untolerated taint (redacted), 2 Insufficient cpu.',
  ],
  [
    'failed to do request: Head "https://registry.acme.example/v2/": dial tcp: lookup registry.acme.example on 10.0.0.10:53: no such host',
    'failed to do request: Head (redacted): dial tcp: lookup (redacted) on (redacted): no such host',
  ],
  [
    'admission webhook "policy.acme.example" denied the request: team=acme is missing',
    'admission webhook (redacted) denied the request: (redacted) is missing',
  ],
  ['exceeded quota: acme-quota, used: pods=10', 'exceeded quota: (redacted), used: (redacted)'],
  [
    'the API server could not be reached: getaddrinfo ENOTFOUND api.acme.example',
    'the API server could not be reached: getaddrinfo ENOTFOUND (redacted)',
  ],
  // Cut in the middle of what is in quotes.
  ['Failed to pull image "registry.acme.exa', 'Failed to pull image (redacted)'],
];

describe('of what somebody else said only plain words stay', () => {
  it.each(texts)('%s', (said, shown) => {
    expect(shownForeign(said, 'shop')).toBe(shown);
  });

  it.each([
    'Operation cannot be fulfilled on statefulsets.apps "shop": the object has been modified; please apply your changes',
    'Patroni in shop-1 answered 503 to /restart: restart failed',
    'exec in shop-1: Unexpected server response: 403',
    'terminated: OOMKilled (137)',
  ])('%s: as it is', (said) => {
    expect(shownForeign(said, 'shop')).toBe(said);
  });

  it('and what it named is found elsewhere too', () => {
    expect(foreignNames('lookup registry.acme.example: no such host', 'shop')).toEqual(['registry.acme.example']);
  });
});
