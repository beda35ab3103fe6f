/**
 * Owns: how the events of one watch arrive at its reader: in their order, or as the plan says.
 * Does not own: which events there are (`api/watches.ts`).
 */
import { statusReply } from './api/refusals.ts';
import type { WatchSink } from './api/watches.ts';

/** What happens to one event of a watch. */
export type LineFate =
  | { readonly type: 'none' }
  /** Never comes, though what follows does. */
  | { readonly type: 'dropped' }
  | { readonly type: 'twice' }
  /** Overtaken by what follows. */
  | { readonly type: 'late'; readonly ms: number }
  /** From here on nothing comes, not even a bookmark, and the stream stays open. */
  | { readonly type: 'frozen' }
  /** Cut within, the rest of the line lost. */
  | { readonly type: 'garbled' }
  /** Half of it comes, then the connection is reset. */
  | { readonly type: 'reset' }
  /** The stream ends in order before it. */
  | { readonly type: 'ended' }
  /** In its place an error comes, and the stream stays open with nothing more in it. */
  | { readonly type: 'error'; readonly status: number; readonly reason: string; readonly retryAfterMs: number | null };

/** Bytes that are waited for. */
export interface Lines extends AsyncIterable<Uint8Array> {
  readonly put: (line: Uint8Array) => void;
  readonly end: () => void;
  readonly fail: (cause: Error) => void;
}

/** A stream in which nothing has come yet. */
export function makeLines(): Lines {
  const lines: Uint8Array[] = [];
  let over: { readonly cause: Error | null } | null = null;
  let wake: () => void = () => undefined;
  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = lines.shift();
      if (line !== undefined) yield line;
      else if (over !== null) {
        if (over.cause !== null) throw over.cause;
        return;
      } else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const close = (cause: Error | null): void => {
    over ??= { cause };
    wake();
  };
  return {
    [Symbol.asyncIterator]: read,
    put: (line) => {
      // A stream that was destroyed gives nothing more, or a reader would skip what it never got.
      if (over !== null) return;
      lines.push(line);
      wake();
    },
    end: () => close(null),
    fail: (cause) => {
      lines.length = 0;
      close(cause);
    },
  };
}

/** How things get to the reader. */
export interface Delivery {
  /** After everything that was put in order before. */
  readonly inOrder: (run: () => void) => void;
  readonly later: (ms: number, run: () => void) => void;
  /** Asked for each event, bookmarks apart. */
  readonly fateOf: () => LineFate;
}

const encoder = new TextEncoder();

/** The end of a watch that writes into `lines`. */
export function sinkInto(lines: Lines, { inOrder, later, fateOf }: Delivery): WatchSink {
  let over = false;
  const put = (bytes: Uint8Array): void => inOrder(() => lines.put(bytes));

  function fated(bytes: Uint8Array, fate: LineFate): void {
    const half = bytes.subarray(0, bytes.length >> 1);
    switch (fate.type) {
      case 'none':
        return put(bytes);
      case 'dropped':
        return undefined;
      case 'twice':
        put(bytes);
        return put(bytes);
      case 'late':
        return later(fate.ms, () => lines.put(bytes));
      case 'frozen':
        over = true;
        return undefined;
      case 'garbled':
        return put(encoder.encode(`${new TextDecoder().decode(half)}\n`));
      case 'reset':
        over = true;
        put(half);
        return inOrder(() => lines.fail(new Error('UND_ERR_SOCKET: other side closed')));
      case 'ended':
        over = true;
        return inOrder(() => lines.end());
      case 'error': {
        over = true;
        const { body } = statusReply(fate.status, fate.reason, `${fate.reason} by the plan`, fate.retryAfterMs);
        return put(encoder.encode(`${JSON.stringify({ type: 'ERROR', object: body })}\n`));
      }
    }
  }

  return {
    line: (event) => {
      if (over) return;
      const isEvent = event['type'] !== 'BOOKMARK' && event['type'] !== 'ERROR';
      fated(encoder.encode(`${JSON.stringify(event)}\n`), isEvent ? fateOf() : { type: 'none' });
    },
    end: () => {
      if (!over) inOrder(() => lines.end());
    },
  };
}
