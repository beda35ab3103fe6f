/** Owns: reading an inspector's feed with the receivers of the library that inspectors are made with, `@statelyai/inspect`. */
import { createServer } from 'node:http';
import { createBrowserReceiver, createWebSocketReceiver } from '@statelyai/inspect';
import { createMachine } from 'xstate';
import { attachInspector, type NextMessages } from '#src/operator/inspect.ts';

export type Message = Readonly<Record<string, unknown>>;

/** What the library's receiver gives of a WebSocket, up to a message. */
export function receivedFrom(url: string, isLast: (message: Message) => boolean): Promise<readonly Message[]> {
  return new Promise((resolve) => {
    const messages: Message[] = [];
    createWebSocketReceiver({ server: url }).subscribe((message) => {
      messages.push(message as unknown as Message);
      if (isLast(message as unknown as Message)) resolve(messages);
    });
  });
}

/** Everything that a feed has, over a WebSocket of the operator's own making. */
export async function receivedOf(open: () => NextMessages): Promise<readonly Message[]> {
  const sent = await open()();
  const last = sent.at(-1)?.id;
  const server = createServer((_request, response) => response.writeHead(404).end());
  const inspector = attachInspector(server, () => 0);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const url = `ws://127.0.0.1:${port}/inspect?ticket=${inspector.ticket(open)}`;
    return await receivedFrom(url, ({ id }) => id === last);
  } finally {
    inspector.close();
    server.close();
  }
}

/** What an inspector's page lets through of messages that its opener posts. */
export function receivedInPage(messages: readonly Message[]): readonly Message[] {
  // Of a window the receiver asks for no more than this.
  const page = new EventTarget();
  const window = Object.assign(page, { opener: null, parent: null });
  const through: Message[] = [];
  createBrowserReceiver({ window: Object.assign(window, { self: page, top: page }) } as Parameters<
    typeof createBrowserReceiver
  >[0]).subscribe((message) => {
    through.push(message as unknown as Message);
  });
  for (const data of messages) page.dispatchEvent(Object.assign(new Event('message'), { data }));
  return through;
}

/**
 * What an inspector would stumble over: a state that is none of the machine's definition that came before it, a message of an actor
 * that was not introduced, one that comes twice, one that is older than the one before it.
 */
export function complaintsOf(messages: readonly Message[]): readonly string[] {
  const machines = new Map<string, ReturnType<typeof createMachine>>();
  const ids = new Set<string>();
  let latest = 0;
  return messages.flatMap((message) => {
    const { type, id, sessionId, createdAt, definition, snapshot } = message as {
      readonly [key in 'type' | 'id' | 'sessionId' | 'createdAt' | 'definition']: string;
    } & { readonly snapshot?: { readonly value?: string | object } };
    const wrong: string[] = [];
    if (type === '@xstate.actor')
      machines.set(sessionId, createMachine(JSON.parse(definition) as Parameters<typeof createMachine>[0]));
    const machine = machines.get(sessionId);
    if (machine === undefined) wrong.push(`${id}: ${sessionId} was not introduced`);
    if (snapshot?.value !== undefined)
      try {
        machine?.resolveState({ value: snapshot.value as string });
      } catch (error) {
        wrong.push(`${id}: ${String(error)}`);
      }
    if (ids.has(`${sessionId} ${id}`)) wrong.push(`${id} comes twice`);
    ids.add(`${sessionId} ${id}`);
    if (!(Number(createdAt) >= latest)) wrong.push(`${id} is older than the one before it`);
    latest = Number(createdAt);
    return wrong;
  });
}
