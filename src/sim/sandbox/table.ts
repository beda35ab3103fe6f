/** Owns: objects as rows of a table, as `kubectl get` prints them: the columns of Kubernetes' own printers, and of our CRD. Pure. */
import { at, isJson, list, number, text, type Json } from '../json.ts';
import type { Kind } from '../api/kinds.ts';

type Cell = string | number;

interface Column {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'date';
  /** Shown with `-o wide` alone. */
  readonly wide?: boolean;
  readonly cell: (object: Json, nowMs: number) => Cell;
}

/** A duration as kubectl shortens it: 45s, 3m20s, 25m, 7h30m, 12h, 3d. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  const rest = (whole: string, value: number, unit: string): string =>
    `${whole}${value === 0 ? '' : `${value}${unit}`}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return rest(`${minutes}m`, seconds % 60, 's');
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return rest(`${hours}h`, minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days < 8 ? rest(`${days}d`, hours % 24, 'h') : `${days}d`;
}

function since(time: string, nowMs: number): string {
  return time === '' ? '<unknown>' : shortDuration(nowMs - Date.parse(time));
}

const age: Column = {
  name: 'Age',
  cell: (object, nowMs) => since(text(object, 'metadata', 'creationTimestamp'), nowMs),
};

function podStatus(pod: Json): string {
  if (text(pod, 'metadata', 'deletionTimestamp') !== '') return 'Terminating';
  const state = at(list(pod, 'status', 'containerStatuses')[0], 'state');
  return text(state, 'waiting', 'reason') || text(state, 'terminated', 'reason') || text(pod, 'status', 'phase');
}

function readyOf(pod: Json): string {
  const all = list(pod, 'status', 'containerStatuses');
  return `${all.filter((each) => at(each)['ready'] === true).length}/${list(pod, 'spec', 'containers').length}`;
}

function joined(values: readonly unknown[]): string {
  return values.length === 0 ? '<none>' : values.map(String).join(',');
}

function keysOf(object: Json): number {
  return Object.keys(at(object, 'data')).length;
}

function amount(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : 'N/A';
}

function addressesOf(endpoints: Json): string {
  const pairs = list(endpoints, 'subsets').flatMap((subset) =>
    list(subset, 'addresses').flatMap((address) =>
      list(subset, 'ports').map((port) => `${text(address, 'ip')}:${number(port, 0, 'port')}`),
    ),
  );
  return joined(pairs);
}

function selectorOf(service: Json): string {
  return joined(Object.entries(at(service, 'spec', 'selector')).map(([key, value]) => `${key}=${String(value)}`));
}

/** A column that shows the text at a path. */
function said(name: string, ...path: readonly string[]): Column {
  return { name, cell: (object) => text(object, ...path) || '<none>' };
}

const columns: Readonly<Record<string, readonly Column[]>> = {
  Pod: [
    { name: 'Ready', cell: readyOf },
    { name: 'Status', cell: podStatus },
    {
      name: 'Restarts',
      type: 'integer',
      cell: (pod) => number(list(pod, 'status', 'containerStatuses')[0], 0, 'restartCount'),
    },
    age,
    { ...said('IP', 'status', 'podIP'), wide: true },
    { ...said('Node', 'spec', 'nodeName'), wide: true },
  ],
  StatefulSet: [
    {
      name: 'Ready',
      cell: (set) => `${number(set, 0, 'status', 'readyReplicas')}/${number(set, 1, 'spec', 'replicas')}`,
    },
    age,
  ],
  Service: [
    said('Type', 'spec', 'type'),
    said('Cluster-IP', 'spec', 'clusterIP'),
    { name: 'External-IP', cell: () => '<none>' },
    {
      name: 'Port(s)',
      cell: (service) =>
        joined(
          list(service, 'spec', 'ports').map((port) => `${number(port, 0, 'port')}/${text(port, 'protocol') || 'TCP'}`),
        ),
    },
    age,
    { name: 'Selector', wide: true, cell: selectorOf },
  ],
  Endpoints: [{ name: 'Endpoints', cell: addressesOf }, age],
  ConfigMap: [{ name: 'Data', type: 'integer', cell: keysOf }, age],
  Secret: [said('Type', 'type'), { name: 'Data', type: 'integer', cell: keysOf }, age],
  PersistentVolumeClaim: [
    said('Status', 'status', 'phase'),
    { name: 'Capacity', cell: (claim) => text(claim, 'status', 'capacity', 'storage') },
    { name: 'Access Modes', cell: (claim) => joined(list(claim, 'spec', 'accessModes')) },
    said('StorageClass', 'spec', 'storageClassName'),
    age,
  ],
  Event: [
    {
      name: 'Last Seen',
      cell: (event, nowMs) => since(text(event, 'lastTimestamp') || text(event, 'eventTime'), nowMs),
    },
    said('Type', 'type'),
    said('Reason', 'reason'),
    {
      name: 'Object',
      cell: (event) =>
        `${text(event, 'involvedObject', 'kind').toLowerCase()}/${text(event, 'involvedObject', 'name')}`,
    },
    said('Message', 'message'),
  ],
  PodDisruptionBudget: [
    { name: 'Min Available', cell: (budget) => amount(at(budget, 'spec')['minAvailable']) },
    { name: 'Max Unavailable', cell: (budget) => amount(at(budget, 'spec')['maxUnavailable']) },
    age,
  ],
  RoleBinding: [
    { name: 'Role', cell: (binding) => `${text(binding, 'roleRef', 'kind')}/${text(binding, 'roleRef', 'name')}` },
    age,
  ],
  Lease: [said('Holder', 'spec', 'holderIdentity'), age],
  Namespace: [said('Status', 'status', 'phase'), age],
};

/** The columns that a CRD states; paths are plain field paths. */
function stated(printed: readonly unknown[]): readonly Column[] {
  return printed.map((column) => {
    const path = text(column, 'jsonPath').split('.').slice(1);
    const isDate = text(column, 'type') === 'date';
    return {
      name: text(column, 'name'),
      type: text(column, 'type') as 'string' | 'integer' | 'date',
      wide: number(column, 0, 'priority') > 0,
      cell: (object, nowMs) => {
        const value = at(object, ...path.slice(0, -1))[path.at(-1) ?? ''];
        if (isDate) return since(typeof value === 'string' ? value : '', nowMs);
        return typeof value === 'number' || typeof value === 'string' ? value : '';
      },
    };
  });
}

export interface TableOptions {
  readonly kind: Kind;
  /** `additionalPrinterColumns` of our CRD. */
  readonly printed: readonly unknown[];
  readonly nowMs: number;
  /** `includeObject` of the query. */
  readonly include: string;
}

function included(object: Json, include: string): Json | null {
  if (include === 'None') return null;
  if (include === 'Object') return object;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object['metadata'] };
}

/** An object, or a list of them, as a `Table`. */
export function tableOf(body: Json, { kind, printed, nowMs, include }: TableOptions): Json {
  const mine = kind.schema === null ? (columns[kind.kind] ?? [age]) : stated(printed);
  const name: Column = { name: 'Name', cell: (object) => text(object, 'metadata', 'name') };
  const all = kind.kind === 'Event' ? mine : [name, ...mine];
  const items = Array.isArray(body['items']) ? body['items'].filter(isJson) : [body];
  const metadata = at(body, 'metadata');
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: Object.fromEntries(
      ['resourceVersion', 'continue'].flatMap((key) => (key in metadata ? [[key, metadata[key]]] : [])),
    ) as Json,
    columnDefinitions: all.map((column) => ({
      name: column.name,
      type: column.type ?? 'string',
      format: column.name === 'Name' ? 'name' : '',
      description: '',
      priority: column.wide === true ? 1 : 0,
    })),
    rows: items.map((object) => {
      const whole = { kind: kind.kind, apiVersion: kind.apiVersion, ...object };
      return { cells: all.map(({ cell }) => cell(whole, nowMs)), object: included(whole, include) };
    }),
  };
}
