/** Owns: where no secret value may stand on the real cluster, read whole: journal, logs, objects, audit log, command lines. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditLogPath } from '#test/cluster/control-plane.ts';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { environmentCluster } from '#test/cluster/options.ts';
import { runningExports } from '#test/support/running-journals.ts';
import { shell, type World } from '../world.ts';
import type { AuditMoment } from './audit.ts';
import type { Subject } from './database.ts';
import { podsOf } from './pods.ts';

type Places = Readonly<Record<string, Buffer>>;

function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Files of every node that a pattern fits, below a folder of the node's. */
function nodeFiles(folder: string, fits: RegExp): Places {
  const { dir, nodes } = environmentCluster();
  const all = Array.from({ length: nodes }, (_, index) => filesIn(join(dir, `node${index + 1}`, folder))).flat();
  const found = all.filter((path) => fits.test(path));
  return Object.fromEntries(found.map((path) => [path.slice(dir.length + 1), readFileSync(path)]));
}

/** What containers wrote: the operator's, and those of the cluster. Logs of a pod that is gone are gone too. */
export function containerLogs({ namespace }: Subject): Places {
  return nodeFiles('pod-logs', new RegExp(`/(${operatorNamespace}|${namespace})_`));
}

const pageBytes = 4096;

/** Nearly all of a disk was never written: a search for many values need not go through that. What is next to each other stays so. */
function withoutEmptyPages(bytes: Buffer): Buffer {
  const empty = Buffer.alloc(pageBytes);
  const pages = Array.from({ length: Math.ceil(bytes.length / pageBytes) }, (_, page) =>
    bytes.subarray(page * pageBytes, (page + 1) * pageBytes),
  );
  return Buffer.concat(pages.filter((page) => !page.equals(empty)));
}

/** The disk that the operator's journal lies on, byte by byte: what was written and freed again is there too. */
export async function journalDisk(world: World): Promise<Places> {
  const claim = ['--namespace', operatorNamespace, 'get', 'pvc', 'postgres-operator-journal'];
  const volume = await world.kubectl(...claim, '--output', 'jsonpath={.spec.volumeName}');
  const found = nodeFiles('volumes', new RegExp(`/${volume}[.]img$`));
  if (Object.keys(found).length !== 1) throw new Error(`no node has the disk of volume ${volume}`);
  return Object.fromEntries(Object.entries(found).map(([path, bytes]) => [path, withoutEmptyPages(bytes)]));
}

/** What the API server shows of everything in the namespace but its Secrets. */
export async function objects(world: World, { namespace, name }: Subject): Promise<Places> {
  const kinds =
    'postgrescluster,pod,statefulset,controllerrevision,service,endpoints,configmap,event,persistentvolumeclaim,poddisruptionbudget,serviceaccount';
  const text = await world.kubectl('--namespace', namespace, 'get', kinds, '--output', 'json');
  const story = await world.pgc('timeline', name, '--namespace', namespace);
  const exports = await runningExports(world.target);
  return {
    'the objects': Buffer.from(text),
    'pgc timeline': Buffer.from(story),
    'pgc journal export': Buffer.from(exports.join('')),
  };
}

/** What passed the API server since a moment: addresses of all requests, commands run in pods among them, and bodies but of Secrets. */
export function auditLog(since: AuditMoment): Places {
  return { 'the audit log': readFileSync(auditLogPath(environmentCluster().dir)).subarray(since) };
}

/** PostgreSQL's own logs on each member. */
export async function postgresLogs(world: World, subject: Subject): Promise<Places> {
  const pods = (await podsOf(world, subject)) ?? [];
  const logs = pods.map(async ({ name }): Promise<[string, Buffer]> => [
    `PostgreSQL's log on ${name}`,
    Buffer.from(await shell(world, subject.namespace, name, 'cat /home/postgres/pgdata/pgroot/pg_log/*')),
  ]);
  return Object.fromEntries(await Promise.all(logs));
}

export interface CommandLines {
  /** Every command line of this machine seen so far, containers' among them. */
  readonly seen: () => Places;
  readonly stop: () => Promise<void>;
}

/** A command may end soon after it began. */
const newcomersMs = 20;

/** A process that is new may still be what it was forked from: it is read at so many looks. */
const newcomerLooks = 5;

/** All processes are read again, for some change their words as they go. */
const everyoneMs = 1000;

/**
 * Reads the command lines of all processes of this machine again and again: newcomers' at once, all of them every second. To read
 * all of them each time took half a core.
 */
export function watchCommandLines(): CommandLines {
  const seen = new Set<string>();
  /** By pid, how often it was read. */
  let known = new Map<string, number>();
  let running = true;
  const look = (isForAll: boolean): void => {
    const pids = readdirSync('/proc').filter((each) => /^\d+$/.test(each));
    const looks = pids.map((pid) => [pid, known.get(pid) ?? 0] as const);
    for (const [pid, times] of looks)
      try {
        if (isForAll || times < newcomerLooks) seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // It has ended meanwhile.
      }
    known = new Map(looks.map(([pid, times]) => [pid, times + 1]));
  };
  const loop = (async () => {
    for (let count = 0; running; count += 1) {
      look(count % (everyoneMs / newcomersMs) === 0);
      await new Promise((resolve) => setTimeout(resolve, newcomersMs));
    }
  })();
  return {
    seen: () => ({ 'command lines': Buffer.from([...seen].join('\n')) }),
    stop: async () => {
      running = false;
      await loop;
    },
  };
}
