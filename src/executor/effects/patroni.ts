/**
 * Owns: class E as far as Patroni's REST API goes. The request is made inside the member's own container, by the Python
 * that Patroni itself runs on: the password is in that container's environment and never comes here.
 * Recovery: the watch on the pod tells; what was asked for does nothing unless a restart is pending, or PostgreSQL runs
 * since the time that was read before.
 */
import type { Outcome } from '#machines/cluster/observations.ts';
import type { PatroniRequest } from '#src/decision/record.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import { startedQuery } from './sql.ts';

/** The Lease may be lost after this long; a restart goes on without us, so nobody waits for its end. */
const execTimeoutMs = 6_000;
const requestSeconds = 4;
/** Of it, for the question since when PostgreSQL runs. */
const guardSeconds = 2;
const psql = ['psql', '-U', 'postgres', '-d', 'postgres', '-X', '-q', '-A', '-t', '-c'];

/** Ends with `changed` when PostgreSQL runs since another time than was read before. */
function guardScript(started: string | null): readonly string[] {
  if (started === null) return [];
  return [
    'import subprocess, sys',
    `command = ${JSON.stringify([...psql, startedQuery])}`,
    `ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=${guardSeconds})`,
    'started = ran.stdout.decode().strip() if ran.returncode == 0 else "none"',
    `if started != ${JSON.stringify(started)}:`,
    '    print("changed")',
    '    sys.exit(0)',
  ];
}

/**
 * The script; the request stands in it as data. Prints `HTTP <code> <text>`, `accepted` when Patroni is at it, or `changed`
 * when what was read before is true no more, and nothing was asked.
 */
export function restScript(request: PatroniRequest): string {
  const [path, body] = [request.path, request.body].map((text) => JSON.stringify(text));
  return [
    ...guardScript(request.started),
    'import base64, os, socket, urllib.error, urllib.request',
    `request = urllib.request.Request("http://127.0.0.1:8008" + ${path}, data=${body}.encode(), method="POST")`,
    'secret = "patroni:" + os.environ.get("RESTAPI_PASSWORD", "")',
    'request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())',
    'request.add_header("Content-Type", "application/json")',
    'try:',
    `    answer = urllib.request.urlopen(request, timeout=${requestSeconds})`,
    '    print("HTTP", answer.status, answer.read(200).decode(errors="replace").replace("\\n", " "))',
    'except urllib.error.HTTPError as error:',
    '    print("HTTP", error.code, error.read(200).decode(errors="replace").replace("\\n", " "))',
    'except (TimeoutError, socket.timeout):',
    '    print("accepted")',
    '',
  ].join('\n');
}

function transient(reason: string, message: string): Outcome {
  return { type: 'transient', reason, message, retryAfterMs: null };
}

function verdict(request: PatroniRequest, output: string): Outcome {
  if (/^(accepted|changed)$/m.test(output)) return { type: 'done', result: {} };
  const [, code = '', text = ''] = /^HTTP (\d+) (.*)$/m.exec(output) ?? [];
  if (code === '200' || code === '202') return { type: 'done', result: {} };
  // Nothing was pending any more: somebody was faster, or it started anew by itself.
  if (code === '503' && /conditions are not satisfied|already in progress/.test(text))
    return { type: 'done', result: {} };
  if (code === '') return transient('NoAnswer', `Patroni in ${request.pod} was not reached`);
  const reason = request.path === '/restart' && code === '503' ? 'RestartFailed' : 'PatroniRefused';
  return transient(reason, `Patroni in ${request.pod} answered ${code} to ${request.path}: ${text.slice(0, 200)}`);
}

/** Sends a request to Patroni from within its container. Gives done, transient with Patroni's words, or unknown. */
export async function askPatroni(request: PatroniRequest, runInPod: RunInPod): Promise<Outcome> {
  try {
    const result = await runInPod({
      namespace: request.namespace,
      pod: request.pod,
      container: request.container,
      command: ['python3', '-'],
      input: restScript(request),
      timeoutMs: execTimeoutMs,
    });
    return verdict(request, result.output);
  } catch (error) {
    return {
      type: 'unknown',
      reason: `exec in ${request.pod}: ${error instanceof Error ? error.message : 'no answer'}`,
    };
  }
}
