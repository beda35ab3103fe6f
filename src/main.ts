/** Owns: the operator's process: settings in, signals and exit codes out. */
import { isMainThread } from 'node:worker_threads';
import { readConfig } from './config.ts';
import { messageOf } from './errors.ts';
import { answerInThread, pagesChecker } from './journal/pages.ts';
import { makeLog, type Log } from './log.ts';
import { buildId } from './build-id.ts';
import { startOperator, type Operator } from './operator/operator.ts';
import { systemPorts } from './system-ports.ts';

/**
 * Ends the process in order at the first signal. As process 1 of a container it has no other end: without these handlers the
 * kernel drops both signals, also while the start waits for an API server that is not there.
 * @param running the operator; null before it has started, when it neither competes for the Lease nor has a journal open
 */
function stopAtSignals(log: Log, running: () => Operator | null): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'operator stops');
    Promise.resolve(running()?.stop()).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ because: messageOf(error) }, 'operator could not stop in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

/** Exit codes: 0 stopped, 1 could not start, 3 going on would have been wrong. */
async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const log = makeLog(config.logLevel);
  const build = buildId();
  let operator: Operator | null = null;
  stopAtSignals(log, () => operator);
  log.info({ build, journal: config.journal, node: process.versions.node }, 'operator starts');
  operator = await startOperator({
    config,
    ports: systemPorts(),
    log,
    build,
    checkPages: pagesChecker(process.argv[1] ?? ''),
    onFatal: (because) => {
      log.error({ because }, 'operator ends: going on would be wrong');
      process.exit(3);
    },
  });
  log.info({ http: operator.http.httpPort, api: operator.http.apiPort }, 'operator listens');
}

function failed(error: unknown): void {
  const hint = error instanceof Error && 'hint' in error ? `\n${String(error.hint)}` : '';
  process.stderr.write(`${messageOf(error)}${hint}\n`);
  process.exit(1);
}

if (isMainThread) main().catch(failed);
else answerInThread();
