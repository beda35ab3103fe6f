/**
 * Owns: an inspector's page on an origin of its own, as Stately's is: the library's receiver for browsers, which announces itself
 * to whoever opened the page. Keeps what it is given in `received`; as a foreign page it also tries to get in by itself.
 */
import { createServer, type Server } from 'node:http';
import { build } from 'esbuild';

const script = `
  import { createBrowserReceiver } from '@statelyai/inspect';
  window.received = [];
  window.strayed = [];
  createBrowserReceiver({ window }).subscribe((message) => window.received.push(message));
  window.addEventListener('message', ({ origin }) => window.strayed.push(origin));
`;

export interface FakeInspector {
  readonly address: string;
  readonly close: () => void;
}

/** Serves the page under a name that is not the one the product uses. */
export async function serveFakeInspector(): Promise<FakeInspector> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: process.cwd() },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
  });
  const text = outputFiles[0]?.text ?? '';
  const server: Server = createServer((request, response) => {
    const isScript = request.url === '/inspector.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    response.end(
      isScript
        ? text
        : '<!doctype html><title>inspector</title><link rel="icon" href="data:,"><script type="module" src="/inspector.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return {
    address: `http://localhost:${typeof bound === 'object' ? bound?.port : 0}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
