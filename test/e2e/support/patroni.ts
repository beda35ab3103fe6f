/** Owns: what a member's Patroni says of itself, asked at its pod's own address. */
import { request } from 'node:http';
import type { PodSeen } from './pods.ts';

export interface PatroniState {
  readonly state: string;
  readonly role: string;
  readonly timeline: number | null;
  /** Seconds since 1970; null when it never was. */
  readonly dcsLastSeen: number | null;
  readonly isFailsafeActive: boolean;
}

/** One member's account; null when it does not answer in a second. */
export function patroniState(pod: PodSeen): Promise<PatroniState | null> {
  return new Promise((resolve) => {
    const call = request({ host: pod.address, port: 8008, path: '/patroni', timeout: 1000 }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', () => resolve(null));
      response.on('end', () => {
        const told = JSON.parse(Buffer.concat(parts).toString('utf8')) as Readonly<Record<string, unknown>>;
        resolve({
          state: String(told['state']),
          role: String(told['role']),
          timeline: typeof told['timeline'] === 'number' ? told['timeline'] : null,
          dcsLastSeen: typeof told['dcs_last_seen'] === 'number' ? told['dcs_last_seen'] : null,
          isFailsafeActive: told['failsafe_mode_is_active'] === true,
        });
      });
    });
    call.on('error', () => resolve(null));
    call.on('timeout', () => call.destroy());
    call.end();
  });
}

/** What a member's REST API answers to a change by whoever says this password: a reload, which harms nothing. Its HTTP status. */
export function restAnswer(pod: PodSeen, password: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const auth = `patroni:${password}`;
    const call = request(
      { host: pod.address, port: 8008, path: '/reload', method: 'POST', auth, timeout: 5000 },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error(`Patroni on ${pod.name} does not answer`)));
    call.end();
  });
}
