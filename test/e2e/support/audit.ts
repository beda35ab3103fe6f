/** Owns: who changed what at the API server between two moments, from the local cluster's audit log. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { auditLogPath } from '#test/cluster/control-plane.ts';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { environmentCluster } from '#test/cluster/options.ts';

/** A moment of the audit log: its length in bytes. */
export type AuditMoment = number;

export interface ApiWrites {
  /** By `verb resource/subresource`; Leases, reviews and dry-runs apart. */
  readonly operator: Readonly<Record<string, number>>;
  /** Of the members themselves. */
  readonly patroni: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly requestURI: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
}

const path = (): string => auditLogPath(environmentCluster().dir);

/** The end of the audit log now. */
export function auditMoment(): AuditMoment {
  return statSync(path()).size;
}

function textSince(moment: AuditMoment): string {
  const file = openSync(path(), 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - moment));
    readSync(file, bytes, 0, bytes.length, moment);
    return bytes.toString('utf8');
  } finally {
    closeSync(file);
  }
}

/** Changes in a namespace since a moment that the API server accepted: the operator's by kind, and how many of Patroni's. */
export function apiWrites(since: AuditMoment, namespace: string): ApiWrites {
  const operator: Record<string, number> = {};
  let patroni = 0;
  for (const line of textSince(since).split('\n')) {
    if (!line.endsWith('}') || !line.includes('system:serviceaccount:')) continue;
    const { verb, user, requestURI, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    if (verb === 'get' || objectRef?.namespace !== namespace || (responseStatus?.code ?? 500) >= 300) continue;
    if (user.username === `system:serviceaccount:${operatorNamespace}:postgres-operator`) {
      const { resource, subresource } = objectRef;
      if (requestURI.includes('dryRun') || resource === 'leases' || /reviews?$/.test(resource)) continue;
      const key = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
      operator[key] = (operator[key] ?? 0) + 1;
    } else if (user.username.startsWith(`system:serviceaccount:${namespace}:`)) patroni += 1;
  }
  return { operator, patroni };
}
