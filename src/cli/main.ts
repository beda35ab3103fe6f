/**
 * Owns: pgc's command line: which verbs there are, and how it ends. Exit codes: 0 yes; 1 no, or a divergence; 2 a damaged or
 * unusable source, or what is not in it; 3 another build would destroy something; 4 what is planned would be refused; 64 wrong usage. A verb is a file in `verbs/`; what all have in common is `command.ts`.
 */
import { Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { messageOf } from '#src/errors.ts';
import { Misused } from './misused.ts';
import { addControl } from './verbs/control.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addIncident, addPostmortem } from './verbs/incident.ts';
import { addInspect } from './verbs/inspect.ts';
import { addJournal } from './verbs/journal.ts';
import { addPlan } from './verbs/plan.ts';
import { addPods } from './verbs/pods.ts';
import { addCompareVersions, addReplay } from './verbs/replay.ts';
import { addSimulate } from './verbs/simulate.ts';
import { addStatus } from './verbs/status.ts';
import { addState } from './verbs/state.ts';
import { addTimeline } from './verbs/timeline.ts';
import { addTop } from './verbs/top.ts';
import { addWhy, addWhyNot } from './verbs/why.ts';

const program = new Command('pgc').description('Explains what a PostgreSQL operator did, and why.').version(buildId());
// Before any verb is made: verbs inherit it.
program.configureOutput({ writeErr: (text) => void process.stderr.write(text) });
program.exitOverride();

for (const add of [
  addStatus,
  addTop,
  addWhy,
  addWhyNot,
  addTimeline,
  addState,
  addJournal,
  addReplay,
  addCompareVersions,
  addPostmortem,
  addIncident,
  addInspect,
  addSimulate,
  addPlan,
  addControl,
  addPods,
  addDoctor,
])
  add(program);

// Whoever reads closes early, as head does: that is no failure, and no handler of a verb has to know.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`standard output cannot be written: ${error.message}\nlook at where it goes to\n`);
  process.exit(2);
});

program.parseAsync().catch((error: unknown) => {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')) {
    process.exitCode = 'exitCode' in error && error.exitCode === 0 ? 0 : 64;
    return;
  }
  process.stderr.write(
    `${messageOf(error)}\n${error instanceof Error && 'hint' in error ? `${String(error.hint)}\n` : ''}`,
  );
  process.exitCode = error instanceof Misused ? 64 : 2;
});
