/**
 * Owns: the page of `pgc inspect`: reads the feed over a WebSocket of its own origin, shows its transitions, and hands every
 * message to an inspector's page that a person has opened from here: as that page asks for them, and again when it is reloaded.
 * Runs in a browser.
 *
 * I1. Messages go to the window that was opened here and to its origin, and to nobody else.
 * I2. The page holds nothing that lets a reader in but the key in its own address, which no request and no referrer carries.
 */
import type { StatelyMessage } from '#src/export/stately.ts';
import { makeBacklog } from './backlog.ts';

/** What the server says to whoever has the key. */
interface Admission {
  /** Of the WebSocket; its ticket is good once. */
  readonly path: string;
  readonly cluster: string;
  /** Address of the inspector's page. */
  readonly inspector: string;
}

/** Between the end of a feed and the next try. */
const againMs = 1000;
/** Transitions shown here; the inspector gets all. */
const shownMax = 200;

const backlog = makeBacklog();
let inspector: { readonly origin: string; readonly window: Window; connected: boolean } | null = null;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

function say(text: string): void {
  element('standing').textContent = text;
}

/** A transition's row; other messages have none. */
function show(message: StatelyMessage): void {
  if (message.type !== '@xstate.snapshot') return;
  const { event, snapshot } = message as unknown as {
    readonly event: { readonly type: string };
    readonly snapshot: { readonly value: unknown };
  };
  const row = document.createElement('tr');
  const time = new Date(Number(message.createdAt)).toISOString().replace('T', ' ').replace('Z', '');
  const cells = [time, message.id.replace(/\..*$/, ''), event.type, JSON.stringify(snapshot.value)];
  for (const text of cells) row.append(Object.assign(document.createElement('td'), { textContent: text }));
  const table = element('moves');
  table.prepend(row);
  if (table.childElementCount > shownMax) table.lastElementChild?.remove();
}

function take(message: StatelyMessage): void {
  if (!backlog.add(message)) return;
  show(message);
  if (inspector?.connected === true) inspector.window.postMessage(message, inspector.origin);
  say(`${backlog.all().length} messages`);
}

/** Opens the inspector's page; it asks for the messages by itself. */
function open(address: string): void {
  const opened = window.open(address, 'inspector');
  if (opened === null) return say('the browser did not open a window: allow it for this page, and try again');
  inspector = { origin: new URL(address).origin, window: opened, connected: false };
  return undefined;
}

window.addEventListener('message', ({ source, origin, data }) => {
  if (inspector === null || source !== inspector.window || origin !== inspector.origin) return;
  if ((data as { readonly type?: unknown } | null)?.type !== '@statelyai.connected') return;
  // A page that was loaded again knows nothing any more.
  for (const message of backlog.all()) inspector.window.postMessage(message, inspector.origin);
  inspector.connected = true;
});

function prepare({ cluster, inspector: address }: Admission): void {
  const { host } = new URL(address);
  document.title = `${cluster} – pgc inspect`;
  element('cluster').textContent = cluster;
  const button = element('open') as HTMLButtonElement;
  button.textContent = `Open the inspector at ${host}`;
  button.disabled = false;
  button.onclick = () => open(address);
  element('told').textContent =
    `It is then given everything that ${cluster} has in the journal: names, specs, addresses; never the value of a Secret. Nothing leaves this machine until you open it.`;
}

async function connect(): Promise<void> {
  const answer = await fetch('ticket', {
    method: 'POST',
    headers: { authorization: `Bearer ${location.hash.slice(1)}` },
  });
  if (!answer.ok) return say("this address is good no more: run 'pgc inspect' again");
  const admission = (await answer.json()) as Admission;
  prepare(admission);
  const socket = new WebSocket(`ws://${location.host}${admission.path}`);
  socket.addEventListener('message', ({ data }) => take(JSON.parse(String(data)) as StatelyMessage));
  socket.addEventListener('close', ({ reason }) => {
    say(`the feed has ended${reason === '' ? '' : `: ${reason}`}; asking again`);
    setTimeout(begin, againMs);
  });
  return undefined;
}

function begin(): void {
  connect().catch(() => say("pgc is not there any more: run 'pgc inspect' again"));
}

begin();
