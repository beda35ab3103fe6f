/**
 * Owns: the operator as a process that ends at a chosen moment: `operator-process.ts KUBECONFIG ADMIN JOURNAL MOMENT ACKS`.
 * MOMENT counts passages of the crash points; at that one the process kills itself with SIGKILL. 0: never. What each commit
 * made durable is appended to ACKS before anything follows from it. psql answers from the leader object, as PostgreSQL would.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { readConfig } from '#src/config.ts';
import { connect } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeLog } from '#src/log.ts';
import { startOperator } from '#src/operator/operator.ts';
import { systemPorts } from '#src/system-ports.ts';
import type { Ports } from '#src/ports.ts';
import { psqlOverApi } from '#test/support/fake-kubelet/psql.ts';

const [kubeconfig = '', admin = '', journal = '', moment = '0', acks = ''] = process.argv.slice(2);

/** Heads that are durable now, one line each. */
function acknowledge(file: number): void {
  const db = openForReading(journal);
  const heads = db
    .prepare(
      'SELECT c.uid, r.seq, r.hash FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE r.rowid > (SELECT MAX(rowid) FROM record) - 40',
    )
    .all() as readonly { readonly uid: string; readonly seq: number; readonly hash: string }[];
  db.close();
  writeSync(file, heads.map(({ uid, seq, hash }) => `${uid} ${seq} ${hash}\n`).join(''));
}

function dyingPorts(): Ports {
  const file = openSync(acks, 'a');
  process.on('exit', () => closeSync(file));
  let passed = 0;
  return {
    ...systemPorts(),
    crash: {
      hit: (point) => {
        passed += 1;
        if (point === 'after-commit') acknowledge(file);
        if (passed === Number(moment)) process.kill(process.pid, 'SIGKILL');
      },
    },
  };
}

const runInPod: RunInPod = psqlOverApi(connect({ kubeconfig: admin, context: null }, () => Date.now()));
await startOperator({
  config: readConfig(
    [
      `--kubeconfig=${kubeconfig}`,
      `--journal=${journal}`,
      '--images={"15":"spilo-15","17":"spilo-17"}',
      '--lease-namespace=postgres-operator-system',
      '--identity=line-test',
      '--http-address=127.0.0.1:0',
      '--api-address=127.0.0.1:0',
    ],
    {},
  ),
  ports: dyingPorts(),
  log: makeLog(process.env['LINE_LOG'] ?? 'silent'),
  build: 'line-test',
  runInPod,
  onFatal: (because) => {
    process.stderr.write(`fatal: ${because}\n`);
    process.exit(3);
  },
});
// By itself Node keeps what it has compiled only where a process ends in order, which this one never does.
flushCompileCache();
