/** Owns: the demo in the simulated world: the same story as on a real cluster, in seconds, with no privileges. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScratch } from '#src/sim/scratch.ts';
import { openSandbox } from '#src/sim/sandbox/sandbox.ts';
import { run } from './shell.ts';

const root = new URL('../../', import.meta.url);
const seed = 1;
/** Virtual seconds for each real one: slow enough to be read. */
const speed = 20;

const story = [
  'apply crds/samples/ha.yaml',
  'wait Running',
  'show',
  'kill leader for 1m',
  'wait Recovering',
  'show',
  'wait Running',
  'show',
] as const;

/** Tells the story. @throws when a step cannot be done */
export async function sandboxDemo(print: (line: string) => void): Promise<void> {
  const scratch = makeScratch();
  const folder = mkdtempSync(join(tmpdir(), 'demo-'));
  const sandbox = await openSandbox({
    scratch: scratch.folder,
    folder,
    root,
    seed,
    operators: 1,
    speed,
    kubePort: 0,
    journalPort: 0,
    beginsMs: Date.now(),
    realMs: () => performance.now(),
    print,
  });
  try {
    print(
      `Time goes by ${speed} times faster here. PostgreSQL is a model of roles, timelines and positions: no SQL runs in it.\n`,
    );
    for (const line of story) {
      print(`> ${line}`);
      await sandbox.tell(line);
    }
    // What follows is read, not lived in.
    sandbox.pace.setSpeed(0);
    for (const args of [['why', 'shop'], ['replay']]) {
      const words = await run(process.execPath, ['src/cli/main.ts', ...args, '--api', sandbox.journalUrl], {
        cwd: root.pathname,
      });
      print(`\n$ pgc ${args.join(' ')}\n${words.trimEnd()}`);
    }
    print(
      '\nLook around: make sandbox\nWith real PostgreSQL: WORLD=local make demo (Linux and root), or KUBE_CONTEXT=… IMG=… make demo',
    );
  } finally {
    await sandbox.close();
    scratch.remove();
    rmSync(folder, { recursive: true });
  }
}
