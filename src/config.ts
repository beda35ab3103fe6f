/**
 * Owns: every setting of the operator, in one table: flag, environment variable, default, meaning. The only reader of the
 * environment. `docs/configuration.md` is held to this table by a test.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { OperatorConfig } from '#machines/cluster/observations.ts';
import { durationMs } from '#machines/shared/duration.ts';
import type { KeepPolicy } from './journal/retention.ts';
import { Refused } from './errors.ts';

interface Setting {
  readonly flag: string;
  readonly env: string;
  readonly default: string;
  readonly meaning: string;
}

/** Spilo by default: the newest public image that holds each major. */
const defaultImages = JSON.stringify({
  '15': 'ghcr.io/zalando/spilo-15:3.0-p1',
  '16': 'ghcr.io/zalando/spilo-16:3.3-p3',
  '17': 'ghcr.io/zalando/spilo-17:4.0-p3',
  '18': 'ghcr.io/zalando/spilo-18:4.1-p1',
});

export const settings = {
  kubeconfig: {
    flag: '--kubeconfig',
    env: 'OPERATOR_KUBECONFIG',
    default: '',
    meaning: 'kubeconfig file; empty uses the pod’s service account',
  },
  context: {
    flag: '--context',
    env: 'OPERATOR_CONTEXT',
    default: '',
    meaning: 'context in the kubeconfig; empty uses the only one in a named file',
  },
  namespaces: {
    flag: '--namespaces',
    env: 'OPERATOR_NAMESPACES',
    default: '',
    meaning: 'namespaces to watch, separated by commas; empty watches all',
  },
  journal: {
    flag: '--journal',
    env: 'OPERATOR_JOURNAL',
    default: '/var/lib/postgres-operator/journal.db',
    meaning: 'path of the journal; a folder on a block device, never NFS',
  },
  journalKeep: {
    flag: '--journal-keep',
    env: 'OPERATOR_JOURNAL_KEEP',
    default: '14d',
    meaning: 'how long rows of the journal are kept: 12h, 14d; 0 keeps them for ever',
  },
  journalKeepBytes: {
    flag: '--journal-keep-bytes',
    env: 'OPERATOR_JOURNAL_KEEP_BYTES',
    default: '268435456',
    meaning: 'bytes of rows of one cluster beyond which its oldest go before their time; 0 sets no bound',
  },
  journalBytes: {
    flag: '--journal-bytes',
    env: 'OPERATOR_JOURNAL_BYTES',
    default: '805306368',
    meaning:
      'bytes of the journal’s file that may be in use; beyond them the clusters with the most rows lose their oldest before their time; 0 sets no bound',
  },
  images: {
    flag: '--images',
    env: 'OPERATOR_IMAGES',
    default: defaultImages,
    meaning: 'image catalog: JSON object, PostgreSQL major to Spilo-compatible image',
  },
  imagePullPolicy: {
    flag: '--image-pull-policy',
    env: 'OPERATOR_IMAGE_PULL_POLICY',
    default: 'IfNotPresent',
    meaning: 'Always, IfNotPresent or Never, for members’ pods',
  },
  defaultDcs: {
    flag: '--default-dcs',
    env: 'OPERATOR_DEFAULT_DCS',
    default: 'Endpoints',
    meaning: 'Endpoints or ConfigMaps, for clusters that do not say',
  },
  createDeadlineSeconds: {
    flag: '--create-deadline',
    env: 'OPERATOR_CREATE_DEADLINE',
    default: '600',
    meaning: 'seconds after which a cluster that is still being created counts as late',
  },
  maxDisruptions: {
    flag: '--max-disruptions',
    env: 'OPERATOR_MAX_DISRUPTIONS',
    default: '5',
    meaning: 'clusters that edits may disrupt at a time, all together; 0 sets no bound',
  },
  leaseNamespace: {
    flag: '--lease-namespace',
    env: 'POD_NAMESPACE',
    default: 'default',
    meaning: 'namespace of the Lease',
  },
  leaseName: {
    flag: '--lease-name',
    env: 'OPERATOR_LEASE_NAME',
    default: 'postgres-operator',
    meaning: 'name of the Lease',
  },
  identity: {
    flag: '--identity',
    env: 'POD_NAME',
    default: '',
    meaning: 'holder of the Lease; the pod’s name, else the host’s',
  },
  httpAddress: {
    flag: '--http-address',
    env: 'OPERATOR_HTTP_ADDRESS',
    default: '0.0.0.0:8080',
    meaning: 'address and port of /healthz, /readyz and /metrics',
  },
  apiAddress: {
    flag: '--api-address',
    env: 'OPERATOR_API_ADDRESS',
    default: '127.0.0.1:8081',
    meaning: 'loopback address and port of the journal API',
  },
  logLevel: { flag: '--log-level', env: 'OPERATOR_LOG_LEVEL', default: 'info', meaning: 'error, warn, info or debug' },
} as const satisfies Record<string, Setting>;

type Name = keyof typeof settings;

/** Where a server listens; the host without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly kubeconfig: string | null;
  readonly context: string | null;
  readonly namespaces: readonly string[];
  readonly journal: string;
  /** How long its rows are kept; what is for ever is infinite. */
  readonly keep: KeepPolicy;
  readonly lease: { readonly namespace: string; readonly name: string; readonly holder: string };
  readonly http: Address;
  readonly api: Address;
  readonly logLevel: string;
  /** What decisions may read. */
  readonly operator: OperatorConfig;
}

function refuse(name: Name, value: string, rule: string): never {
  const { flag, env } = settings[name];
  throw new Refused(`${JSON.stringify(value)} ${rule}`, {
    operation: 'read setting',
    subject: `${flag} (${env})`,
    hint: `see docs/configuration.md for ${flag}`,
  });
}

function addressOf(name: Name, text: string): Address {
  const parts = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[2]);
  if (parts === null || port > 65_535) refuse(name, text, 'is not an address with a port, such as 127.0.0.1:8081');
  const host = parts[1] ?? '';
  if (!/[[\]]/.test(host)) return { host, port };
  // As a URL writes it; a socket is told the address itself.
  const inner = host.slice(1, -1);
  if (host !== `[${inner}]` || !isIPv6(inner))
    refuse(name, text, 'is not an address with a port: only IPv6 stands in brackets, such as [::]:8080');
  return { host: inner, port };
}

/** Whoever reaches the journal API may read all of it and set holds: only those who are on this machine do. */
function loopbackOf(name: Name, text: string): Address {
  const address = addressOf(name, text);
  const { host } = address;
  if (host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return address;
  return refuse(
    name,
    text,
    'is no loopback address, and this API asks nobody who they are: use 127.0.0.1, [::1] or localhost, and kubectl port-forward',
  );
}

function oneOf<T extends string>(name: Name, text: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  return found ?? refuse(name, text, `is none of ${allowed.join(', ')}`);
}

function namespaceOf(name: 'namespaces' | 'leaseNamespace', text: string): string {
  return /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)
    ? text
    : refuse(name, text, 'is no name of a namespace');
}

/** Each once: a namespace that is watched twice is told of twice. Of one that cannot be, the API server would say that it is empty. */
function namespacesOf(text: string): readonly string[] {
  const named = text.split(',').map((each) => each.trim());
  return [...new Set(named.filter((each) => each !== ''))].map((each) => namespaceOf('namespaces', each));
}

function leaseName(text: string): string {
  return /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(text) ? text : refuse('leaseName', text, 'is no name of a Lease');
}

/** SQLite takes an empty path, as an unset variable leaves it, for a file in memory. */
function journalPath(text: string): string {
  return ['', ':memory:'].includes(text.trim()) ? refuse('journal', text, 'is no path of a file') : text;
}

/** NaN for what is none: an empty text is no zero, which would take a bound away. */
function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function keepAge(text: string): number {
  if (text === '0') return Infinity;
  const ms = durationMs(text, 'mhd');
  return ms === null || ms === 0 ? refuse('journalKeep', text, 'is no time such as 12h or 14d, nor 0') : ms;
}

function keepBytes(name: 'journalKeepBytes' | 'journalBytes', text: string): number {
  const bytes = wholeNumber(text);
  if (Number.isNaN(bytes) || (bytes > 0 && bytes < 1_048_576))
    refuse(name, text, 'is no whole number of at least 1048576 bytes, nor 0');
  return bytes === 0 ? Infinity : bytes;
}

function keepPolicy(text: (name: 'journalKeep' | 'journalKeepBytes' | 'journalBytes') => string): KeepPolicy {
  const bytes = (name: 'journalKeepBytes' | 'journalBytes'): number => keepBytes(name, text(name));
  return { ageMs: keepAge(text('journalKeep')), bytes: bytes('journalKeepBytes'), fileBytes: bytes('journalBytes') };
}

/** What an operator keeps of its journal unless it is told otherwise. */
export const usualKeep: KeepPolicy = keepPolicy((name) => settings[name].default);

function imagesOf(text: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse('images', text, 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('images', text, 'is not a JSON object');
  const entries = Object.entries(value);
  const wrong = entries.find(([major, image]) => !/^\d+$/.test(major) || typeof image !== 'string' || image === '');
  if (wrong !== undefined) refuse('images', text, `has an entry that is no major with an image: ${wrong[0]}`);
  return Object.fromEntries(entries.map(([major, image]) => [major, String(image)]));
}

function flagsOf(argv: readonly string[]): ReadonlyMap<string, string> {
  const known = new Set<string>(Object.values(settings).map((setting) => setting.flag));
  const found = new Map<string, string>();
  for (let index = 0; index < argv.length; index += 1) {
    const [flag = '', inline] = (argv[index] ?? '').split(/=(.*)/s);
    if (!known.has(flag)) {
      throw new Refused('there is no such flag', {
        operation: 'read flag',
        subject: flag,
        hint: `the flags are ${[...known].join(', ')}`,
      });
    }
    const value = inline ?? argv[(index += 1)];
    if (value === undefined)
      throw new Refused('it needs a value', { operation: 'read flag', subject: flag, hint: `write ${flag}=VALUE` });
    found.set(flag, value);
  }
  return found;
}

/** Reads flags, then environment, then defaults. @throws Refused naming the setting, the value and the rule */
export function readConfig(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Config {
  const flags = flagsOf(argv);
  const text = (name: Name): string =>
    flags.get(settings[name].flag) ?? environment[settings[name].env] ?? settings[name].default;
  const optional = (name: Name): string | null => (text(name) === '' ? null : text(name));
  const deadline = wholeNumber(text('createDeadlineSeconds'));
  if (Number.isNaN(deadline) || deadline < 10)
    refuse('createDeadlineSeconds', text('createDeadlineSeconds'), 'is not a whole number of at least 10 seconds');
  const most = wholeNumber(text('maxDisruptions'));
  if (Number.isNaN(most)) refuse('maxDisruptions', text('maxDisruptions'), 'is not a whole number of clusters, nor 0');
  return {
    kubeconfig: optional('kubeconfig'),
    context: optional('context'),
    namespaces: namespacesOf(text('namespaces')),
    journal: journalPath(text('journal')),
    keep: keepPolicy(text),
    lease: {
      namespace: namespaceOf('leaseNamespace', text('leaseNamespace')),
      name: leaseName(text('leaseName')),
      holder: optional('identity') ?? hostname(),
    },
    http: addressOf('httpAddress', text('httpAddress')),
    api: loopbackOf('apiAddress', text('apiAddress')),
    logLevel: oneOf('logLevel', text('logLevel'), ['error', 'warn', 'info', 'debug']),
    operator: {
      images: imagesOf(text('images')),
      imagePullPolicy: oneOf('imagePullPolicy', text('imagePullPolicy'), ['Always', 'IfNotPresent', 'Never']),
      defaultDcs: oneOf('defaultDcs', text('defaultDcs'), ['Endpoints', 'ConfigMaps']),
      createDeadlineSeconds: deadline,
      ...(most === 0 ? {} : { maxDisruptions: most }),
    },
  };
}
