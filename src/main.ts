/** Owns: the operator's process: settings in, signals and exit codes out. */
import { readConfig } from './config.ts';
import { makeLog } from './log.ts';
import { buildId } from './build-id.ts';
import { startOperator } from './operator/operator.ts';
import { systemPorts } from './system-ports.ts';

/** Exit codes: 0 stopped, 1 could not start, 3 going on would have been wrong. */
async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const log = makeLog(config.logLevel);
  const build = buildId();
  log.info({ build, journal: config.journal, node: process.versions.node }, 'operator starts');
  const operator = await startOperator({
    config,
    ports: systemPorts(),
    log,
    build,
    onFatal: (because) => {
      log.error({ because }, 'operator ends: going on would be wrong');
      process.exit(3);
    },
  });
  log.info({ http: operator.http.httpPort, api: operator.http.apiPort }, 'operator listens');
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'operator stops');
    operator.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error(
          { because: error instanceof Error ? error.message : String(error) },
          'operator could not stop in order',
        );
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

main().catch((error: unknown) => {
  const hint = error instanceof Error && 'hint' in error ? `\n${String(error.hint)}` : '';
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${hint}\n`);
  process.exit(1);
});
