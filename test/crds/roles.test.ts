/** Roles in deploy/ that let people have clusters: they name what the CRD has, and give nobody the operator's work. */
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { fileText } from './schema.ts';

interface ClusterRole {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

const crd = parse(fileText('crds/postgrescluster.yaml')) as {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly [{ readonly subresources: object }];
  };
};
const { group, names, versions } = crd.spec;
const all = parseAllDocuments(fileText('deploy/base/rbac.yaml'))
  .map((each) => each.toJS() as ClusterRole)
  .filter(({ kind }) => kind === 'ClusterRole');
const roles = all.filter(({ metadata }) => metadata.name.startsWith(`${names.plural}-`));

/** What a role lets do, as `verb resource`. */
function allowed(name: string): readonly string[] {
  const role = all.find(({ metadata }) => metadata.name === name);
  return (role?.rules ?? []).flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
  );
}

it('belong to view and edit of the cluster, and so to admin', () => {
  const labels = Object.fromEntries(roles.map(({ metadata }) => [metadata.name, metadata.labels]));
  expect(labels).toEqual({
    'postgresclusters-view': { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' },
    'postgresclusters-edit': { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' },
  });
});

it('are about PostgresClusters alone, and what these have', () => {
  const known = [names.plural, ...Object.keys(versions[0].subresources).map((each) => `${names.plural}/${each}`)];
  for (const { rules } of roles)
    for (const { apiGroups, resources } of rules) {
      expect(apiGroups).toEqual([group]);
      expect(resources.filter((each) => !known.includes(each))).toEqual([]);
    }
});

it('let who views read, and change nothing', () => {
  const verbs = new Set(allowed('postgresclusters-view').map((each) => each.split(' ')[0]));
  expect(verbs).toEqual(new Set(['get', 'list', 'watch']));
});

it('let who edits make, change, scale and delete clusters; their status is the operator’s', () => {
  const edit = allowed('postgresclusters-edit');
  for (const verb of ['create', 'update', 'patch', 'delete', 'deletecollection'])
    expect(edit).toContain(`${verb} postgresclusters`);
  expect(edit).toContain('patch postgresclusters/scale');
  expect(edit.filter((each) => each.endsWith('/status') || each.endsWith('/finalizers'))).toEqual([]);
});

it('the operator’s own lets it write Events and statuses as it does, and no other way', () => {
  const own = allowed('postgres-operator');
  const verbsOn = (resource: string): readonly string[] =>
    own.filter((each) => each.endsWith(` ${resource}`)).map((each) => each.split(' ')[0] ?? '');
  expect(verbsOn('events')).toEqual(['list', 'create']);
  expect(verbsOn(`${names.plural}/status`)).toEqual(['patch']);
  expect(verbsOn(`${names.plural}/finalizers`)).toEqual(['update']);
});
