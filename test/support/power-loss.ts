/**
 * Owns: what a disk may hold after a power cut. Reads a trace of a process's file calls, keeps for each file what was synced
 * and what was only written, and makes one of the states that a cut may leave: of every unsynced write any sectors or none,
 * of every unsynced change of a folder's names any or none.
 */
import { basename } from 'node:path';

export type FileEvent =
  | { readonly type: 'create'; readonly name: string }
  | { readonly type: 'write'; readonly name: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly name: string; readonly size: number }
  | { readonly type: 'sync'; readonly name: string }
  | { readonly type: 'unlink'; readonly name: string }
  | { readonly type: 'sync-folder' }
  | { readonly type: 'acknowledged'; readonly lines: readonly string[] };

const sectorBytes = 512;

function decoded(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

/** Calls of all threads in order of their ends; a call that was interrupted by another thread's is put together again. */
function* calls(trace: string): IterableIterator<string> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) {
      begun.set(thread, text.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text)?.[1];
    yield rest === undefined ? text : `${begun.get(thread) ?? ''}${rest}`;
  }
}

/**
 * The events of one folder's journal files in a trace of `strace -f -xx -y`.
 * @param folder of the journal; `acks` is the name of the file of acknowledgements in another folder
 */
export function eventsOf(trace: string, folder: string, acks: string): readonly FileEvent[] {
  const events: FileEvent[] = [];
  const isJournal = (path: string): boolean =>
    path.startsWith(`${folder}/`) && !path.endsWith('-shm') && !path.includes('.ballast');
  for (const call of calls(trace)) {
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(call) ?? [];
    if (name === '' || result.startsWith('-')) continue;
    const handle = decoded(/^\d+<([^>]*)>/.exec(args)?.[1] ?? '').toString();
    const file = basename(handle);
    const quoted = /"([^"]*)"/.exec(args)?.[1] ?? '';
    const numbers = [...args.matchAll(/, (\d+)/g)].map((match) => Number(match[1]));
    if (name === 'openat' || name === 'unlink' || name === 'unlinkat') {
      const path = decoded(quoted).toString();
      if (!isJournal(path)) continue;
      if (name !== 'openat') events.push({ type: 'unlink', name: basename(path) });
      else if (args.includes('O_CREAT')) events.push({ type: 'create', name: basename(path) });
    } else if (name === 'write' && handle === acks)
      events.push({ type: 'acknowledged', lines: decoded(quoted).toString().trim().split('\n') });
    else if (handle === folder && name.endsWith('sync')) events.push({ type: 'sync-folder' });
    else if (!isJournal(handle)) continue;
    else if (name === 'pwrite64')
      events.push({ type: 'write', name: file, offset: numbers.at(-1) ?? 0, bytes: decoded(quoted) });
    else if (name === 'ftruncate') events.push({ type: 'truncate', name: file, size: numbers.at(-1) ?? 0 });
    else if (name.endsWith('sync')) events.push({ type: 'sync', name: file });
    else throw new Error(`a call that this model does not know changes the journal: ${call.slice(0, 200)}`);
  }
  return events;
}

type Change = Extract<FileEvent, { readonly type: 'write' | 'truncate' }>;

interface Disk {
  /** Content that is on the disk for certain. */
  durable: Buffer;
  pending: Change[];
}

/** A file's bytes in memory that grows in place. */
interface Image {
  readonly put: (bytes: Buffer, offset: number) => void;
  readonly resize: (size: number) => void;
  readonly content: () => Buffer;
}

function imageOf(start: Buffer): Image {
  let room = Buffer.alloc(start.length * 2 + 65_536);
  let size = start.length;
  start.copy(room);
  const resize = (wanted: number): void => {
    if (wanted > room.length) room = Buffer.concat([room, Buffer.alloc(wanted * 2 - room.length)]);
    if (wanted < size) room.fill(0, wanted, size);
    size = wanted;
  };
  return {
    put: (bytes, offset) => {
      resize(Math.max(size, offset + bytes.length));
      bytes.copy(room, offset);
    },
    resize,
    content: () => Buffer.from(room.subarray(0, size)),
  };
}

function change(image: Image, event: Change): void {
  if (event.type === 'truncate') image.resize(event.size);
  else image.put(event.bytes, event.offset);
}

/** A change as a cut may leave it: writes by the sector. */
function tear(image: Image, event: Change, keeps: () => boolean): void {
  if (event.type === 'truncate') {
    if (keeps()) image.resize(event.size);
    return;
  }
  for (let at = 0; at < event.bytes.length;) {
    const length = Math.min(sectorBytes - ((event.offset + at) % sectorBytes), event.bytes.length - at);
    if (keeps()) image.put(event.bytes.subarray(at, at + length), event.offset + at);
    at += length;
  }
}

function contentAfter(
  durable: Buffer,
  pending: readonly Change[],
  apply: (image: Image, event: Change) => void,
): Buffer {
  if (pending.length === 0) return durable;
  const image = imageOf(durable);
  for (const event of pending) apply(image, event);
  return image.content();
}

export interface PowerModel {
  readonly apply: (event: FileEvent) => void;
  /** Files by name as a cut now may leave them. */
  readonly cut: (random: () => number) => ReadonlyMap<string, Buffer>;
}

/** An empty folder. @param honoursSync false: the disk forgets every sync, to show that the test would notice */
export function powerModel(honoursSync = true): PowerModel {
  let names = new Map<string, Disk>();
  let durableNames = new Map<string, Disk>();
  let pendingNames: (readonly [string, Disk | null])[] = [];
  const rename = (name: string, disk: Disk | null): void => {
    if (disk === null) names.delete(name);
    else names.set(name, disk);
    pendingNames.push([name, disk]);
  };
  return {
    apply: (event) => {
      if (event.type === 'acknowledged') return;
      if (event.type === 'sync-folder') {
        if (!honoursSync) return;
        durableNames = new Map(names);
        pendingNames = [];
        return;
      }
      const disk = names.get(event.name);
      if (event.type === 'create') {
        if (disk === undefined) rename(event.name, { durable: Buffer.alloc(0), pending: [] });
        return;
      }
      if (event.type === 'unlink') return rename(event.name, null);
      if (disk === undefined) throw new Error(`${event.name} is changed, but was never created`);
      if (event.type === 'sync') {
        if (!honoursSync) return;
        disk.durable = contentAfter(disk.durable, disk.pending, change);
        disk.pending = [];
      } else disk.pending.push(event);
    },
    cut: (random) => {
      // Nothing, everything, or anything between: each is a cut that happens.
      const chance = [0, 1, random(), random(), 0.97][Math.floor(random() * 5)] ?? 0;
      const keeps = (): boolean => random() < chance;
      const left = new Map(durableNames);
      for (const [name, disk] of pendingNames) {
        if (!keeps()) continue;
        if (disk === null) left.delete(name);
        else left.set(name, disk);
      }
      return new Map(
        [...left].map(([name, disk]) => [
          name,
          contentAfter(disk.durable, disk.pending, (image, event) => tear(image, event, keeps)),
        ]),
      );
    },
  };
}
