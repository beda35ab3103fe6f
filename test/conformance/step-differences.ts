/** Owns: where simulated members of Patroni and real ones go different ways, each with its reason. */
import type { Step } from './sights.ts';

const cutOff =
  'a member that is cut off from the API server as it starts cannot say that it is stopped first: not staged so far';
const noRoom = 'a leader that runs as a replica for want of room, killed: not staged so far';

/** Steps of simulated members that no journal of a real one has. */
export const onlySimulated: ReadonlyMap<Step, string> = new Map<Step, string>([
  [
    '-, demoted, stopped > primary, replica, starting',
    'recorded with its end alone, a replica that runs and holds the key: the start is quicker than the next report',
  ],
  [
    '-, demoted, start failed > primary, replica, starting',
    'nobody could start, and then there is room again for all at once: not staged so far',
  ],
  [
    '-, replica, start failed > primary, replica, starting',
    'nobody could start, and then there is room again for all at once: not staged so far',
  ],
  [
    'replica, replica, streaming > -, replica, stopping',
    'recorded of Patroni 3.0, which says of a replica that it runs and not that it streams',
  ],
  ['-, -, - > -, uninitialized, creating replica', cutOff],
  ['primary, primary, running > primary, replica, starting', cutOff],
  ['primary, primary, running > -, replica, starting', cutOff],
  ['primary, replica, running > primary, replica, stopped', noRoom],
  ['primary, replica, stopped > primary, replica, starting', noRoom],
  ['-, -, - > primary, replica, stopped', noRoom],
]);

/** Sights of real members that no simulated one has, as they stand in a step. */
export const notSimulated: ReadonlyMap<string, string> = new Map([
  ['-, primary, starting', 'between initdb and the first start; a simulated cluster runs at once'],
  ['-, demoted, stopping', 'PostgreSQL ends at once when a simulated leader hands over or goes'],
  ['primary, primary, stopping', 'PostgreSQL ends at once when a simulated leader hands over or goes'],
  [
    'primary, replica, streaming',
    'whether a replica that holds the key still says that it streams depends on the moment',
  ],
]);

/** Steps of real members that simulated ones do not take, though they know both sights. */
export const onlyReal: ReadonlyMap<Step, string> = new Map<Step, string>([
  [
    '-, -, - > primary, demoted, stopped',
    'a pod that goes by force and comes back before its key has expired: no scenario removes a leader so',
  ],
  [
    '-, demoted, start failed > -, uninitialized, creating replica',
    'no scenario asks for a reinit of a member that does not start',
  ],
  [
    'primary, primary, start failed > -, demoted, start failed',
    'no scenario has a leader that starts and fails, but for want of room',
  ],
  [
    'replica, replica, running > -, demoted, stopped',
    'pg_rewind of a member that was promoted by hand; a simulated one has no timeline of its own',
  ],
  ['-, replica, stopping > -, replica, stopped', 'a simulated replica ends at once'],
  [
    'primary, demoted, stopped > -, replica, start failed',
    'no scenario has a leader that comes back without room while its key stands',
  ],
]);
