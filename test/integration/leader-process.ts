/**
 * Owns: an operator as a process that a test can stop between the check of the Lease and the send:
 * `leader-process.ts '{"kubeconfig":…,"admin":…,"journal":…,"holder":…,"lease":…,"namespace":…}'`.
 * `{pauseAt: n}` over the channel: the process stops itself (SIGSTOP) at the n-th send from then on; 0 takes it back.
 */
import { readConfig } from '#src/config.ts';
import { connect } from '#src/kube/api.ts';
import { makeLog } from '#src/log.ts';
import { startOperator } from '#src/operator/operator.ts';
import { systemPorts } from '#src/system-ports.ts';
import { psqlOverApi } from '#test/support/fake-kubelet/psql.ts';

export interface LeaderOptions {
  readonly kubeconfig: string;
  readonly admin: string;
  readonly journal: string;
  readonly holder: string;
  readonly lease: string;
  readonly namespace: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as LeaderOptions;
let left = 0;
process.on('message', (message: { readonly pauseAt: number }) => {
  left = message.pauseAt;
});
process.on('disconnect', () => process.exit(0));

await startOperator({
  config: readConfig(
    [
      `--kubeconfig=${options.kubeconfig}`,
      `--journal=${options.journal}`,
      '--images={"15":"spilo-15","17":"spilo-17"}',
      '--lease-namespace=postgres-operator-system',
      `--lease-name=${options.lease}`,
      `--identity=${options.holder}`,
      `--namespaces=${options.namespace}`,
      '--http-address=127.0.0.1:0',
      '--api-address=127.0.0.1:0',
    ],
    {},
  ),
  ports: {
    ...systemPorts(),
    crash: {
      hit: (point) => {
        if (point !== 'before-send' || left === 0) return;
        left -= 1;
        if (left === 0) process.kill(process.pid, 'SIGSTOP');
      },
    },
  },
  log: makeLog(process.env['LINE_LOG'] ?? 'silent'),
  build: 'leader-test',
  runInPod: psqlOverApi(connect({ kubeconfig: options.admin, context: null }, () => Date.now())),
  onFatal: (because) => {
    process.stderr.write(`fatal: ${because}\n`);
    process.exit(3);
  },
});
