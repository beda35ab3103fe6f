/** Owns: the faults of requests and of the Lease, and what meets them. */
import type { FaultRow } from './fault-row.ts';

const requestTest = 'test/src/kube/request.test.ts';
const leaseTest = 'test/src/kube/lease.test.ts';
const request = 'src/kube/request.ts';
const lease = 'src/kube/lease.ts';

export const requestRows: readonly FaultRow[] = [
  {
    fault: 'a new agent, and a handshake, per request',
    protection: 'one shared agent',
    off: {
      file: request,
      find: 'const dispatcher = agents[lane];',
      replace: 'const dispatcher = new Agents(connection.tls)[lane];',
    },
    test: [requestTest, 'are shared: three hundred requests in a row need one'],
  },
  {
    fault: 'a black-holed HTTP/2 connection is never given up',
    protection: 'HTTP/2 is not spoken; a timeout ends its socket',
    off: { file: request, find: 'allowH2: false', replace: 'allowH2: true' },
    test: [requestTest, 'speak HTTP/1.1 to a server that offers HTTP/2'],
  },
  {
    fault: 'watches of many namespaces take all sockets',
    protection: 'streams have an agent of their own, without a limit',
    off: { file: request, find: "authorized(raw, 'streams')", replace: "authorized(raw, 'requests')" },
    test: [requestTest, 'watches of many namespaces do not keep requests waiting'],
  },
  {
    fault: 'a peer that never finishes the handshake stretches deadlines',
    protection: 'the deadline does not wait for a connection',
    off: { file: request, find: "signal.addEventListener('abort', tooLate, { once: true });", replace: '' },
    test: [requestTest, 'a server that never finishes the handshake costs the deadline and no more'],
  },
  {
    fault: 'a slow server: a few timeouts take everything else that is under way with them',
    protection: 'new sockets for what comes next; what is under way ends on the old ones',
    off: { file: request, find: '.close()\n      .catch', replace: '.destroy()\n      .catch' },
    test: [
      requestTest,
      'timeouts of some requests end nothing else that is under way, and new sockets are used for what comes next',
    ],
  },
  {
    fault: 'the token file is rotated',
    protection: 'read again when it changes',
    off: {
      file: 'src/kube/connection.ts',
      find: 'fresh || known === null || known.changedMs !== changedMs',
      replace: 'known === null',
    },
    test: [requestTest, 'is read again when the file changes'],
  },
  {
    fault: 'a 401 does not lead to a new token',
    protection: 'read anew, once, within the same deadline',
    off: {
      file: request,
      find: 'if (first.statusCode !== 401) return first;',
      replace: 'if (first.statusCode !== 0) return first;',
    },
    test: [requestTest, 'is asked for anew after a 401, once'],
  },
  {
    fault: 'a change is sent twice by a retry of the library',
    protection: 'none is made; a cut connection is `unknown`, and a probe follows',
    off: {
      file: request,
      find: '        agents.noteFailure(error);\n        return failure(error);',
      replace:
        "        agents.noteFailure(error);\n        return raw.headers['again'] === undefined ? makeHttp(connection, nowMs).send({ ...raw, headers: { ...raw.headers, again: 'yes' } }) : failure(error);",
    },
    test: [requestTest, 'is sent once when the connection is cut, and its end is unknown'],
  },
  {
    fault: 'Retry-After and the Status are lost',
    protection: 'header, else `retryAfterSeconds`; body parsed once',
    off: { file: request, find: "retryAfterMs(headers['retry-after'], nowMs) ??", replace: '' },
    test: [requestTest, 'keeps the server’s reason and words, and when to come back'],
  },
  {
    fault: 'unknown fields are dropped, paths lower-cased, the content type is another',
    protection: 'the bytes of the intent are sent as they are',
    off: {
      file: 'src/kube/api.ts',
      find: "...(contentType === null ? {} : { 'content-type': contentType }),",
      replace: '',
    },
    test: [requestTest, 'goes out as it is: path, query, type, Audit-ID and every byte of the body'],
  },
  {
    fault: 'a command in a pod is accepted after its deadline',
    protection: 'its connection is ended with the deadline, and never gets its input',
    off: { file: 'src/kube/exec.ts', find: 'socket.terminate();', replace: '' },
    test: [
      'test/src/kube/exec.test.ts',
      'a connection that comes after the deadline is closed and not left with its command',
    ],
  },
  {
    fault: 'a command in a pod is connected late, and would end after the Lease',
    protection: 'connecting has a deadline of its own',
    off: { file: 'src/kube/exec.ts', find: 'end(new Error(`not begun in ${connectMs} ms`))', replace: 'undefined' },
    test: [
      'test/src/kube/exec.test.ts',
      'a connection that is too long in coming is not waited for as long as its answer would be',
    ],
  },
  {
    fault: 'the connection of a command breaks without an end',
    protection: 'its close is heard',
    off: {
      file: 'src/kube/exec.ts',
      find: "socket.on('close', () => end(new Error('the connection was lost')));",
      replace: '',
    },
    test: ['test/src/kube/exec.test.ts', 'a connection that breaks is heard at once'],
  },
];

export const leaseRows: readonly FaultRow[] = [
  {
    fault: 'MicroTime with three digits is refused',
    protection: 'six are written',
    off: { file: lease, find: "replace('Z', '000Z')", replace: "replace('Z', 'Z')" },
    test: [leaseTest, 'writes times with six digits, as the API server demands'],
  },
  {
    fault: 'a change outlives the Lease it was begun under',
    protection: 'acting time and deadline together are within the duration of the Lease',
    off: { file: 'src/kube/deadlines.ts', find: 'sendMs: leaseDurationMs - actingMs', replace: 'sendMs: 15_000' },
    test: [leaseTest, 'acting stops in time for what was begun to end before anybody else may hold the Lease'],
  },
  {
    fault: 'clocks disagree',
    protection: 'a foreign Lease is free after it stood still by the own monotonic clock',
    off: {
      file: lease,
      find: 'return now - this.#watched.since >= seen.durationMs;',
      replace: "return this.#ports.clock.nowMs() - Date.parse(seen.mark.split('/')[0] ?? '') >= seen.durationMs;",
    },
    test: [leaseTest, 'is the same with a wall clock 3600000 ms wrong'],
  },
  {
    fault: 'two leaders',
    protection: 'take-over waits for the duration; acting ends before it',
    off: {
      file: lease,
      find: 'return now - this.#watched.since >= seen.durationMs;',
      replace: 'return now - this.#watched.since >= 4000;',
    },
    test: [leaseTest, 'never two at once, whenever the leader falls silent and comes back'],
  },
  {
    fault: 'a leader paused between reading and writing the Lease',
    protection: 'the version that was read goes with the write',
    off: {
      file: lease,
      find: 'uid: seen.uid, resourceVersion: seen.resourceVersion',
      replace: 'uid: seen.uid, resourceVersion: String(Number(seen.resourceVersion) + 1)',
    },
    test: [leaseTest, 'a leader paused between reading and writing is refused by the version'],
  },
  {
    fault: 'the Lease is deleted between the look at it and its renewal, which makes it anew in the old term',
    protection: 'the uid that was read goes with the write',
    off: {
      file: lease,
      find: 'uid: seen.uid, resourceVersion: seen.resourceVersion',
      replace: 'resourceVersion: seen.resourceVersion',
    },
    test: [leaseTest, 'when the Lease is deleted between the look at it and its renewal'],
  },
  {
    fault: 'the Lease is deleted, and a standby begins an old term',
    protection: 'the highest epoch ever seen is remembered',
    off: { file: lease, find: 'this.#highest = Math.max(this.#highest, seen?.epoch ?? 0);', replace: '' },
    test: [leaseTest, 'when the Lease is deleted and a standby, that only ever saw it, takes the next'],
  },
  {
    fault: 'a failed renewal ends the leader for good',
    protection: 'it acts again, and says so, when the Lease is still its own',
    off: {
      file: lease,
      find: "else if (!before.held) this.#options.onChange('held', `term ${term} goes on`);",
      replace: '',
    },
    test: [leaseTest, 'a leader that comes back in time goes on with its term, and says so'],
  },
  {
    fault: 'a renewal on its way takes back what was given back',
    protection: 'giving back waits for it',
    off: { file: lease, find: 'await this.#running;', replace: '' },
    test: [leaseTest, 'a renewal that is on its way does not take it again'],
  },
];
