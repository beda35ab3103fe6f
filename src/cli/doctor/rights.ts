/**
 * Owns: what the operator has to be allowed, from the very roles that are installed with it (`deploy/base/rbac.yaml`), as questions
 * that the API server answers one by one.
 */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

/** A rule of a role. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** It is needed in the operator's own namespace, and in no other. */
  readonly atHome: boolean;
}

/** May this be done there? */
export interface Ask {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly verb: string;
  /** Empty for all of them. */
  readonly namespace: string;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Omit<AccessRule, 'atHome'>[];
}

/** Put in by the bundler. */
declare const RBAC_YAML: string | undefined;

function rolesText(): string {
  if (typeof RBAC_YAML === 'string') return RBAC_YAML;
  return readFileSync(new URL('../../../deploy/base/rbac.yaml', import.meta.url), 'utf8');
}

/** The rules of the operator's own roles; those for people are none of them. */
export function operatorRules(): readonly AccessRule[] {
  return parseAllDocuments(rolesText())
    .map((document) => document.toJS() as Role)
    .filter(({ kind, metadata }) => kind.endsWith('Role') && metadata.name.startsWith('postgres-operator'))
    .flatMap(({ kind, rules = [] }) => rules.map((rule) => ({ ...rule, atHome: kind === 'Role' })));
}

/**
 * Each verb of each resource of the rules, asked in each of the namespaces; an empty one is all of them. What is needed at home is
 * asked there, once.
 */
export function asksOf(rules: readonly AccessRule[], namespaces: readonly string[], home: string): readonly Ask[] {
  return rules.flatMap(({ apiGroups, resources, verbs, atHome }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((named) => {
        const [resource = '', subresource = ''] = named.split('/');
        return verbs.flatMap((verb) =>
          (atHome ? [home] : namespaces).map((namespace) => ({ group, resource, subresource, verb, namespace })),
        );
      }),
    ),
  );
}
