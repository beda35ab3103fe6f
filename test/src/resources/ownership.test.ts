import { describe, expect, it } from 'vitest';
import { foreignPaths, ownedFields, ownedHash } from '#src/resources/ownership.ts';

const ours = 'postgres-operator';

interface Entry {
  readonly manager: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fields: unknown;
}

function live(body: Readonly<Record<string, unknown>>, entries: readonly Entry[]): unknown {
  const managedFields = entries.map(({ manager, operation = 'Apply', subresource, fields }) => ({
    manager,
    operation,
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(subresource === undefined ? {} : { subresource }),
  }));
  const metadata = body['metadata'] as object | undefined;
  return { kind: 'Service', ...body, metadata: { ...metadata, managedFields } };
}

const port = (number: number): string => `k:{"port":${number},"protocol":"TCP"}`;
const service = {
  metadata: { labels: { a: '1', b: '2' }, annotations: { 'postgres.example.com/effect': 'u-1-2-0' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.9',
    externalName: 'elsewhere',
    ports: [
      { port: 99, protocol: 'TCP' },
      { port: 5432, protocol: 'TCP', name: 'postgresql', nodePort: 31000 },
    ],
  },
};
const applied = {
  'f:metadata': { 'f:labels': { 'f:a': {} }, 'f:annotations': { 'f:postgres.example.com/effect': {} } },
  'f:spec': {
    'f:type': {},
    'f:ports': { [port(5432)]: { '.': {}, 'f:port': {}, 'f:name': {} } },
    'f:gone': {},
  },
};

describe('the fields we own', () => {
  it('have the values of the live object, found by key and not by place', () => {
    expect(ownedFields(live(service, [{ manager: ours, fields: applied }]), ours)).toEqual({
      'f:metadata/f:labels/f:a': '"1"',
      [`f:spec/f:ports/${port(5432)}/f:name`]: '"postgresql"',
      [`f:spec/f:ports/${port(5432)}/f:port`]: '5432',
      'f:spec/f:type': '"ClusterIP"',
    });
  });

  it('hash alike whatever the effect key is, and whatever others own', () => {
    const first = ownedHash(live(service, [{ manager: ours, fields: applied }]), ours);
    const annotations = { 'postgres.example.com/effect': 'another' };
    const later = { ...service, metadata: { labels: { b: '3', a: '1' }, annotations } };
    const second = live(later, [
      { manager: 'x', operation: 'Update', fields: { 'f:metadata': { 'f:labels': { 'f:b': {} } } } },
      { manager: ours, fields: applied },
    ]);
    expect(ownedHash(second, ours)).toBe(first);
  });

  it('hash otherwise once one is changed, or taken over by somebody else', () => {
    const first = ownedHash(live(service, [{ manager: ours, fields: applied }]), ours);
    const changed = { ...service, spec: { ...service.spec, type: 'NodePort' } };
    expect(ownedHash(live(changed, [{ manager: ours, fields: applied }]), ours)).not.toBe(first);
    const { 'f:type': _type, ...rest } = applied['f:spec'];
    expect(ownedHash(live(service, [{ manager: ours, fields: { ...applied, 'f:spec': rest } }]), ours)).not.toBe(first);
  });

  it('are none where we only patched, or applied a subresource', () => {
    expect(ownedHash(live(service, [{ manager: ours, operation: 'Update', fields: applied }]), ours)).toBeNull();
    expect(ownedHash(live(service, [{ manager: ours, subresource: 'status', fields: applied }]), ours)).toBeNull();
    expect(ownedHash({}, ours)).toBeNull();
    expect(ownedHash(null, ours)).toBeNull();
  });

  it('never tell a Secret’s values', () => {
    const secret = live({ kind: 'Secret', data: { password: 'aHVzaA==' }, type: 'Opaque' }, [
      { manager: ours, fields: { 'f:data': { '.': {}, 'f:password': {} }, 'f:type': {} } },
    ]);
    expect(ownedFields(secret, ours)).toEqual({ 'f:type': '"Opaque"' });
  });

  it('are compared by value in sets and whole in atomic lists', () => {
    const object = live({ metadata: { finalizers: ['x', 'ours'] }, rules: [{ b: 1, a: 2 }] }, [
      { manager: ours, fields: { 'f:metadata': { 'f:finalizers': { 'v:"ours"': {} } }, 'f:rules': {} } },
    ]);
    expect(ownedFields(object, ours)).toEqual({
      'f:metadata/f:finalizers/v:"ours"': '"ours"',
      'f:rules': '[{"a":2,"b":1}]',
    });
  });
});

describe('what is foreign', () => {
  const seen = (foreign: unknown, body: Readonly<Record<string, unknown>> = service): readonly string[] =>
    foreignPaths(
      live(body, [
        { manager: ours, fields: applied },
        { manager: 'kubectl-edit', operation: 'Update', fields: foreign },
      ]),
    ).map((each) => each.path);

  it('is named once, by its topmost path, where it stands in the live list', () => {
    expect(seen({ 'f:spec': { 'f:ports': { [port(99)]: { '.': {}, 'f:port': {}, 'f:protocol': {} } } } })).toEqual([
      '/spec/ports/0',
    ]);
  });

  it('is a field in an item that is ours', () => {
    expect(seen({ 'f:spec': { 'f:ports': { [port(5432)]: { 'f:nodePort': {} } } } })).toEqual([
      '/spec/ports/1/nodePort',
    ]);
  });

  it('is not what we own too, nor what is there no more', () => {
    expect(seen({ 'f:spec': { 'f:type': {}, 'f:absent': {} } })).toEqual([]);
  });

  it('is not a label, an annotation, a finalizer or status', () => {
    const metadata = { 'f:labels': { 'f:b': {} }, 'f:annotations': { 'f:n': {} }, 'f:finalizers': {} };
    expect(seen({ 'f:metadata': metadata, 'f:status': { 'f:x': {} } }, { ...service, status: { x: 1 } })).toEqual([]);
  });

  it('is an owner, who would decide over the life of our object', () => {
    const key = 'k:{"uid":"u"}';
    const body = { ...service, metadata: { ...service.metadata, ownerReferences: [{ uid: 'u', name: 'x' }] } };
    expect(seen({ 'f:metadata': { 'f:ownerReferences': { '.': {}, [key]: {} } } }, body)).toEqual([
      '/metadata/ownerReferences',
    ]);
  });

  it('is never looked for in claims, Secrets, pods and Endpoints, whose content is not ours to restore', () => {
    const foreign = { 'f:spec': { 'f:externalName': {} } };
    expect(seen(foreign)).toEqual(['/spec/externalName']);
    for (const kind of ['PersistentVolumeClaim', 'Secret', 'Pod', 'Endpoints'])
      expect(seen(foreign, { ...service, kind })).toEqual([]);
  });

  it('is not what the server gives out itself, though whoever restored the object from a copy owns it', () => {
    expect(seen({ 'f:spec': { 'f:clusterIP': {}, 'f:externalName': {} } })).toEqual(['/spec/externalName']);
  });

  it('is escaped as JSON pointers are', () => {
    const object = live({ data: { 'a/b~c': 'x', ours: 'y' } }, [
      { manager: ours, fields: { 'f:data': { 'f:ours': {} } } },
      { manager: 'kubectl-edit', operation: 'Update', fields: { 'f:data': { 'f:a/b~c': {} } } },
    ]);
    expect(foreignPaths(object).map((each) => each.path)).toEqual(['/data/a~1b~0c']);
  });

  it('names who did it', () => {
    const object = live(service, [
      { manager: ours, fields: applied },
      { manager: 'argocd', fields: { 'f:spec': { 'f:externalName': {} } } },
    ]);
    expect(foreignPaths(object)).toEqual([{ path: '/spec/externalName', manager: 'argocd' }]);
  });
});
