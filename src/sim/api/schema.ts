/**
 * Owns: what admission does to a custom resource: defaults and checks of its schema, and its CEL rules.
 * CEL is not interpreted here: each rule of the CRD that a simulated world can meet has a function under its very text, the
 * rest stand in a list with the reason; a rule in neither is an error at start, so that the two cannot drift apart.
 */
import { quantityBytes } from '#machines/shared/quantity.ts';
import { protectedNames, protectedPrefixes } from '#src/resources/fields/env.ts';
import { at, isJson, list, number, stable, text, type Json } from '../json.ts';

/** What is checked: the value a rule stands on, and its former self; undefined when there is none. */
type Rule = (self: unknown, old: unknown) => boolean;

function same(field: string): Rule {
  return (self, old) => old === undefined || stable(at(self)[field]) === stable(at(old)[field]);
}

function isQuantity(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(quantityBytes(value));
}

/** Whether a limit is not below its request; what is no quantity is found elsewhere. */
function limitHolds(resource: string): Rule {
  return (self) => {
    const [request, limit] = [text(self, 'requests', resource), text(self, 'limits', resource)];
    if (!isQuantity(request) || !isQuantity(limit)) return true;
    return quantityBytes(limit) >= quantityBytes(request);
  };
}

function isNoneOf(names: readonly string[]): Rule {
  return (self) => !names.includes(String(self)) && !String(self).startsWith('pg_');
}

function has(self: unknown, ...fields: readonly string[]): boolean {
  return fields.every((field) => at(self)[field] !== undefined);
}

const reserved = [
  'config',
  'sync',
  'failover',
  'leader',
  'repl',
  'headless',
  'patroni',
  'credentials',
  'pdb',
  'pooler',
];

/** The text of the rule that a limit is not below its request. */
function limitRule(resource: string): string {
  const names = ['requests', 'limits'];
  const there = [
    ...names.map((name) => `!has(self.${name})`),
    ...names.map((name) => `!has(self.${name}.${resource})`),
  ];
  const quantities = names.map((name) => `!isQuantity(self.${name}.${resource})`);
  const holds = `quantity(self.limits.${resource}).compareTo(quantity(self.requests.${resource})) >= 0`;
  return [...there, ...quantities, holds].join(' || ');
}

const rules: Readonly<Record<string, Rule>> = {
  "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')": (self) =>
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text(self, 'metadata', 'name')),
  'size(self.metadata.name) <= 40': (self) => text(self, 'metadata', 'name').length <= 40,
  '!has(self.status) || !has(self.status.volumeSize) || quantity(self.spec.storage.size).compareTo(quantity(self.status.volumeSize)) >= 0':
    (self) => {
      const volume = text(self, 'status', 'volumeSize');
      return volume === '' || quantityBytes(text(self, 'spec', 'storage', 'size')) >= quantityBytes(volume);
    },
  '!has(oldSelf.status) || has(self.status)': (self, old) =>
    old === undefined || at(old)['status'] === undefined || at(self)['status'] !== undefined,
  'self.version == oldSelf.version': same('version'),
  'has(self.dcs) == has(oldSelf.dcs) && (!has(self.dcs) || self.dcs == oldSelf.dcs)': same('dcs'),
  'has(self.database) == has(oldSelf.database) && (!has(self.database) || self.database == oldSelf.database)':
    same('database'),
  'has(self.storageClass) == has(oldSelf.storageClass) && (!has(self.storageClass) || self.storageClass == oldSelf.storageClass)':
    same('storageClass'),
  [`![${reserved.map((each) => `'-${each}'`).join(', ')}].exists(s, self.metadata.name.endsWith(s))`]: (self) =>
    !reserved.some((each) => text(self, 'metadata', 'name').endsWith(`-${each}`)),
  'isQuantity(self)': isQuantity,
  "!isQuantity(self) || quantity(self).isGreaterThan(quantity('0'))": (self) =>
    !isQuantity(self) || quantityBytes(String(self)) > 0,
  [limitRule('cpu')]: limitHolds('cpu'),
  [limitRule('memory')]: limitHolds('memory'),
  "self.type == 'Azure' ? has(self.container) && has(self.storageAccount) && has(self.credentialsSecret) : has(self.bucket) && has(self.credentialsSecret)":
    (self) =>
      text(self, 'type') === 'Azure'
        ? has(self, 'container', 'storageAccount', 'credentialsSecret')
        : has(self, 'bucket', 'credentialsSecret'),
  "self.type != 'S3' || has(self.region)": (self) => text(self, 'type') !== 'S3' || has(self, 'region'),
  "!(self in ['postgres', 'template0', 'template1']) && !self.startsWith('pg_')": isNoneOf([
    'postgres',
    'template0',
    'template1',
  ]),
  "!(self in ['postgres', 'standby', 'admin', 'zalandos', 'robot_zmon', 'public']) && !self.startsWith('pg_')":
    isNoneOf(['postgres', 'standby', 'admin', 'zalandos', 'robot_zmon', 'public']),
  [`!(self in [${protectedNames.map((each) => `'${each}'`).join(', ')}])`]: (self) =>
    !(protectedNames as readonly string[]).includes(String(self)),
  [`![${protectedPrefixes.map((each) => `'${each}'`).join(', ')}].exists(p, self.startsWith(p))`]: (self) =>
    !protectedPrefixes.some((each) => String(self).startsWith(each)),
  '(has(self.loopWait) ? self.loopWait : 10) + 2 * (has(self.retryTimeout) ? self.retryTimeout : 10) <= (has(self.ttl) ? self.ttl : 30)':
    (self) => number(self, 10, 'loopWait') + 2 * number(self, 10, 'retryTimeout') <= number(self, 30, 'ttl'),
  "!has(self.synchronous) || self.synchronous.mode != 'Required' || self.synchronous.count < self.replicas": (self) =>
    text(self, 'synchronous', 'mode') !== 'Required' ||
    number(self, 1, 'synchronous', 'count') < number(self, 1, 'replicas'),
  "!has(self.loadBalancerSourceRanges) || size(self.loadBalancerSourceRanges) == 0 || (has(self.type) && self.type == 'LoadBalancer')":
    (self) => list(self, 'loadBalancerSourceRanges').length === 0 || text(self, 'type') === 'LoadBalancer',
  'self.journal.epoch > oldSelf.journal.epoch || (self.journal.epoch == oldSelf.journal.epoch && self.journal.seq >= oldSelf.journal.seq)':
    (self, old) => {
      if (old === undefined) return true;
      const [now, before] = [at(self, 'journal'), at(old, 'journal')];
      const epochs = number(now, 0, 'epoch') - number(before, 0, 'epoch');
      return epochs > 0 || (epochs === 0 && number(now, 0, 'seq') >= number(before, 0, 'seq'));
    },
};

function ruleOf(source: string): Rule {
  const rule = rules[source];
  if (rule !== undefined) return rule;
  throw new Error(`the CRD has a rule that the simulated API server does not know: ${source}; model it in schema.ts`);
}

interface Place {
  readonly schema: unknown;
  readonly path: string;
  readonly self: unknown;
  readonly old: unknown;
}

function typeFits(type: string, value: unknown): boolean {
  if (type === 'object') return isJson(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return type === '' || typeof value === type;
}

function problemsHere({ schema, path, self, old }: Place): readonly string[] {
  const type = text(schema, 'type');
  if (!typeFits(type, self)) return [`${path}: Invalid value: must be of type ${type}`];
  const found: string[] = [];
  const allowed = list(schema, 'enum');
  if (allowed.length > 0 && !allowed.includes(self)) found.push(`${path}: Unsupported value: ${stable(self)}`);
  if (typeof self === 'number' && (self < number(schema, self, 'minimum') || self > number(schema, self, 'maximum')))
    found.push(`${path}: Invalid value: ${self}`);
  const pattern = text(schema, 'pattern');
  if (typeof self === 'string' && pattern !== '' && !new RegExp(pattern).test(self))
    found.push(`${path}: Invalid value: ${stable(self)}: ${path} in body should match '${pattern}'`);
  if (typeof self === 'string' && self.length < number(schema, 0, 'minLength'))
    found.push(
      `${path}: Invalid value: ${path} in body should be at least ${number(schema, 0, 'minLength')} chars long`,
    );
  if (Array.isArray(self) && self.length > number(schema, Infinity, 'maxItems'))
    found.push(`${path}: Too many: must have at most ${number(schema, 0, 'maxItems')} items`);
  if (isJson(self) && Object.keys(self).length > number(schema, Infinity, 'maxProperties'))
    found.push(`${path}: Too many: must have at most ${number(schema, 0, 'maxProperties')} items`);
  if (typeof self === 'string' && self.length > number(schema, Infinity, 'maxLength'))
    found.push(`${path}: Too long: may not be more than ${number(schema, 0, 'maxLength')} bytes`);
  for (const field of list(schema, 'required'))
    if (at(self)[String(field)] === undefined) found.push(`${path}.${String(field)}: Required value`);
  for (const rule of list(schema, 'x-kubernetes-validations'))
    if (!ruleOf(text(rule, 'rule'))(self, old)) found.push(`${path}: Invalid value: ${text(rule, 'message')}`);
  return found;
}

/** The first value of another type than its schema's, below a value; null when all fit. */
export function misfitOf(schema: unknown, value: unknown, path = ''): string | null {
  if (value === undefined) return null;
  const type = text(schema, 'type');
  if (!typeFits(type, value)) return `${path}: expected ${type}`;
  const { additionalProperties, properties } = at(schema);
  for (const [name, below] of Object.entries(at(value))) {
    if (properties !== undefined && !(name in at(properties))) return `${path}.${name}: field not declared in schema`;
    const found = misfitOf(at(properties)[name] ?? additionalProperties, below, `${path}.${name}`);
    if (found !== null) return found;
  }
  for (const item of Array.isArray(value) ? value : []) {
    const found = misfitOf(at(schema)['items'], item, `${path}[]`);
    if (found !== null) return found;
  }
  return null;
}

/** What is wrong with an object, in the API server's words. `old` is undefined for a new one. */
export function problemsOf(place: Place): readonly string[] {
  const { schema, path, self, old } = place;
  if (self === undefined) return [];
  const below = Object.entries(at(schema, 'properties')).flatMap(([name, property]) =>
    problemsOf({
      schema: property,
      path: path === '' ? name : `${path}.${name}`,
      self: at(self)[name],
      old: old === undefined ? undefined : at(old)[name],
    }),
  );
  const free = at(schema)['additionalProperties'];
  const named = isJson(free)
    ? Object.entries(at(self)).flatMap(([name, each]) =>
        problemsOf({ schema: free, path: `${path}.${name}`, self: each, old: undefined }),
      )
    : [];
  const items = isJson(at(schema)['items']) && Array.isArray(self) ? self : [];
  const inside = items.flatMap((item: unknown, index) =>
    problemsOf({ schema: at(schema)['items'], path: `${path}[${index}]`, self: item, old: undefined }),
  );
  return [...problemsHere(place), ...below, ...named, ...inside];
}

/** The value with the defaults of its schema. */
export function defaulted(schema: unknown, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => defaulted(at(schema)['items'], item));
  if (!isJson(value)) return value;
  const result: Record<string, unknown> = { ...value };
  for (const [name, property] of Object.entries(at(schema, 'properties'))) {
    const stated = result[name] ?? at(property)['default'];
    if (stated !== undefined) result[name] = defaulted(property, stated);
  }
  return result;
}

/** The value without fields its schema does not know. */
export function known(schema: unknown, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => known(at(schema)['items'], item));
  const properties = at(schema)['properties'];
  if (!isJson(value) || !isJson(properties)) return value;
  const fields = Object.entries(value).filter(([name]) => name in properties);
  return Object.fromEntries(fields.map(([name, below]) => [name, known(properties[name], below)]));
}

/** Refuses a CRD with a rule that is neither modelled nor listed. @throws Error naming the rule */
export function checkRules(schema: Json): void {
  for (const rule of list(schema, 'x-kubernetes-validations')) ruleOf(text(rule, 'rule'));
  for (const property of Object.values(at(schema, 'properties'))) if (isJson(property)) checkRules(property);
  if (isJson(schema['items'])) checkRules(schema['items']);
}
