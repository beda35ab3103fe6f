/**
 * A journal written by a process of its own, so that it can be traced, killed and given errors: appends in small turns like
 * an operator, notes on a file what it was told is durable, and says on its output what the journal says.
 * Arguments: journal, file for acknowledgements, number of turns, how it ends (close or die).
 */
import { openSync, writeSync } from 'node:fs';
import { openJournal } from '#src/journal/journal.ts';
import { systemPorts } from '#src/system-ports.ts';
import { seeded } from './seeded.ts';

const [path = '', acks = '', turns = '0', end = 'close'] = process.argv.slice(2);
const acknowledged = openSync(acks, 'a');
const random = seeded(Number(turns));
const say = (line: string): void => void writeSync(1, `${line}\n`);

const opening = openJournal({
  path,
  build: 'b',
  anchors: [],
  ports: systemPorts(),
  onWritable: (writable, because) => say(`${writable ? 'writable' : 'not writable'}: ${because}`),
  onFatal: (error) => {
    say(`fatal: ${error.message}`);
    process.exit(3);
  },
  onCommit: () => undefined,
  walPagesMax: 60,
});
const { writer, close } = opening.journal;
say(opening.type);

function appendOne(): void {
  const index = Math.floor(random() * 4);
  const cluster = { uid: `u-${index}`, namespace: 'default', name: `c${index}` };
  const seq = writer.nextSeq(cluster.uid);
  const blob = writer.blob(JSON.stringify({ text: 'z'.repeat(random() * 3000), at: random() }));
  const { hash } = writer.append({
    cluster,
    epoch: 1,
    at: Date.now(),
    kind: 'observation',
    type: 'PodSeen',
    typeVersion: 1,
    maskVersion: 1,
    causedBy: null,
    body: JSON.stringify({ b: { $blob: blob }, text: 'y'.repeat(random() * 900) }),
    onDurable: () => void writeSync(acknowledged, `${cluster.uid} ${seq} ${hash}\n`),
  });
  if (seq % 16 === 0) writer.saveSnapshot(cluster.uid, seq, `{"seq":${seq}}`);
}

function turn(left: number): void {
  if (left === 0 && end === 'die') process.kill(process.pid, 'SIGKILL');
  if (left === 0) {
    writer.flush();
    return close();
  }
  const rows = 1 + Math.floor(random() * 4);
  for (let row = 0; row < rows; row += 1) appendOne();
  setImmediate(turn, left - 1);
}

turn(Number(turns));
