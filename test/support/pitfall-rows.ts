/**
 * Owns: the traps of Spilo and Patroni on Kubernetes that people fell into, what protects from each, and the test that says so,
 * or the decision for which it cannot occur. From it comes the table of `docs/pitfalls.md`.
 */

/** Test file, and the name of the test as it stands there, the last part of it. */
export type NamedTest = readonly [file: string, name: string];

export interface Pitfall {
  readonly trap: string;
  readonly protection: string;
  readonly tests: readonly NamedTest[];
  /** File in docs/decisions that says why it cannot occur; left out where tests alone say it. */
  readonly decision?: string;
}

const rendered = 'test/src/resources/pitfalls.test.ts';
const decided = 'test/machines/cluster/pitfalls.test.ts';
const door = 'test/src/stream/door.test.ts';
const asked = 'test/src/executor/patroni.test.ts';
const requested = 'test/src/decision/patroni-objects.test.ts';
const synchrony = 'test/machines/cluster/synchrony.test.ts';
const simulated = 'test/src/sim/runs.test.ts';
const line = 'test/e2e/line.test.ts';
const failure = 'test/e2e/day2-failure.test.ts';
const procedures = 'test/e2e/day2-procedures.test.ts';

const everyScenario = '%s reaches its goal, breaks nothing and comes to rest';

/** In the order of their numbers, which tests have in their names: the first is 1. */
export const pitfalls: readonly Pitfall[] = [
  {
    trap: 'passwords under names that Spilo does not read: the image’s public defaults are in force',
    protection: 'Spilo’s names, from the Secret in force; the defaults are tried and refused',
    tests: [
      [rendered, 'passwords have the names Spilo reads, and come from the Secret in force (1)'],
      [line, '$name refuses the public default passwords of the image'],
    ],
  },
  {
    trap: 'pods bear other labels than Patroni looks for: replicas never bootstrap',
    protection: 'one function gives labels to template, selectors and environment',
    tests: [[rendered, 'pods, selectors and what Patroni looks for bear the same labels (2)']],
  },
  {
    trap: 'pods of a pooler or an exporter bear the members’ labels: phantom members',
    protection: 'a component label that members alone bear; a label of the user’s cannot be it',
    tests: [
      [rendered, 'only members and Services behind Patroni’s Endpoints bear the component that makes a member (3)'],
      ['test/src/resources/fields.test.ts', 'a label that makes a pod a member'],
    ],
  },
  {
    trap: 'the text `false` as a flag’s value switches it on',
    protection: 'a flag that is off is left out',
    tests: [[rendered, 'a flag that is off is not there (4), and the API server is not bypassed (34)']],
  },
  {
    trap: 'a path of the image’s moved: the data lie beside the volume',
    protection: 'paths stay as they are, and cannot be set; a deleted pod comes back with its data',
    tests: [
      [rendered, 'the image’s paths stay as they are, and the volume is mounted above them (5)'],
      [line, 'a deleted pod comes back with its data'],
    ],
  },
  {
    trap: 'a selector on the Service of the leader’s Endpoints: everybody is demoted',
    protection: 'no selector and Patroni’s labels in Endpoints mode, a selector by role in ConfigMaps mode',
    tests: [
      [rendered, 'the Service of the leader key has no selector but all of Patroni’s labels, or a role to select (6)'],
    ],
  },
  {
    trap: 'a Service deleted by hand takes lock or configuration along',
    protection: 'a finalizer of ours holds it: it is marked only, and a condition names it',
    tests: [
      [rendered, 'Services that hold Patroni’s state outlast a deletion by hand (7)'],
      [line, 'a deleted DCS Service is only marked: the lock survives, and a condition names it'],
    ],
  },
  {
    trap: 'the leader by label: two bear it after a crash, and it comes before writes are taken',
    protection: 'the leader is read from Patroni’s key, and writes from the member’s own report',
    tests: [
      [decided, 'is read from Patroni’s own key, though two pods bear the leader’s label (8)'],
      [decided, 'is not who has the label before it may be written to (8)'],
    ],
  },
  {
    trap: 'the role label is away for seconds: a member is taken for lost',
    protection: 'labels decide nothing',
    tests: [[decided, 'and who is ready does not hang on a label that is away for seconds (9)']],
  },
  {
    trap: 'words change between releases of Patroni: `running` and `streaming`, `master` and `primary`',
    protection: 'every word of Patroni 3.0 to 4.1 is known; an unknown one counts as not ready',
    tests: [
      [door, 'reads the report of Patroni 3.0.2'],
      [door, 'reads the report of Patroni 4.0.4, where streaming stands apart'],
      ['test/machines/cluster/roles.test.ts', '%s of the holder of the leader key: writable %s'],
      ['test/machines/cluster/roles.test.ts', '%s of another member: %s'],
    ],
  },
  {
    trap: 'a parameter in the half of the configuration in which it is ignored',
    protection: 'one table splits them',
    tests: [
      [rendered, 'go to where they take effect: what Spilo writes itself to the pod, all others to the DCS (11)'],
    ],
  },
  {
    trap: 'a configuration that was taken is not one that is in force',
    protection: 'every member is asked what its settings are',
    tests: [
      [decided, 'that was written is in force when each member itself says so (12)'],
      [
        decided,
        'is in force at a member that started by itself before it said that it has to: it is asked again, and not waited for (12)',
      ],
      [procedures, 'that need no restart are in force on every member, and nothing starts anew'],
    ],
  },
  {
    trap: 'what the bootstrap said is edited, or comes back from an old volume, and nobody notices',
    protection: 'Patroni’s configuration is compared at every sight and written anew',
    tests: [[decided, 'that says something else, by hand or from a predecessor’s volume, is written anew in %s (13)']],
  },
  {
    trap: 'restarts in the wrong order: replicas refuse to start, or the primary is the first to meet a bad value',
    protection:
      'the order goes by whether a value rises or falls; what falls waits for what rises; a replica starts with less once it has replayed that its primary has less; a replica is the canary',
    tests: [
      [decided, 'makes members start anew in the order in which no replica has less than the primary (14)'],
      [decided, 'has nothing fall before what rises is in force, though Patroni has not said that a start is due (14)'],
      [
        decided,
        'has a replica start with less once it has replayed that its primary has less: before, it would keep what it had (14)',
      ],
      [decided, 'never reaches the primary while the replica that started first does not stream (14)'],
      [decided, 'has nothing fall before what rises is in force, though Patroni has not said that a start is due (14)'],
      [
        decided,
        'has a replica start with less once it has replayed that its primary has less: before, it would keep what it had (14)',
      ],
    ],
  },
  {
    trap: 'a switchover or restart asked for twice after an answer was lost',
    protection: 'the leader is named, the effect is waited for, a restart names since when PostgreSQL runs',
    tests: [
      [decided, 'names who leads, and is not asked for again while nobody has answered or acted (15)'],
      [asked, 'asks nothing where it runs since another time'],
    ],
  },
  {
    trap: '503 “restart conditions are not satisfied” taken for a failure',
    protection: 'it is success: nothing was pending any more',
    tests: [[asked, 'takes %s for done (16)']],
  },
  {
    trap: 'an update or a scale-down by ordinal hits the leader, again and again',
    protection: 'pods are replaced by the operator alone; the leader hands over before it goes',
    tests: [
      [rendered, 'members are replaced by us alone, all may start at once, and no volume goes (17)'],
      [decided, 'are never the leader: it hands over first, to one that stays (17)'],
      [procedures, 'that is another is rolled out: every pod anew once, one switchover, nothing lost'],
    ],
  },
  {
    trap: 'on to the next member while the last one does not stream',
    protection: 'it has to be ready, on the leader’s timeline and close behind',
    tests: [[decided, 'are no two at a time: the one made anew streams before the next goes (18)']],
  },
  {
    trap: 'too little time to stop: killed, no hand-over, crash recovery',
    protection: '300 s; a primary that is asked to end hands over',
    tests: [
      [
        rendered,
        'members have time to stop (19), no liveness probe (20), and Patroni outlives an API server that is away (21)',
      ],
      [failure, 'that is the primary and is asked to end hands over first: nothing is lost'],
    ],
  },
  {
    trap: 'a liveness probe kills bootstraps and recoveries',
    protection: 'there is none; readiness asks Patroni',
    tests: [
      [
        rendered,
        'members have time to stop (19), no liveness probe (20), and Patroni outlives an API server that is away (21)',
      ],
    ],
  },
  {
    trap: 'an API server that is away demotes every primary',
    protection: 'failsafe mode from the first template on',
    tests: [
      [
        rendered,
        'members have time to stop (19), no liveness probe (20), and Patroni outlives an API server that is away (21)',
      ],
      [failure, 'may be away for longer than the lock lives: the primary stays, writes go on'],
    ],
  },
  {
    trap: 'Patroni’s objects outlast a deletion and the next namesake waits for ever; deleted too early they come back',
    protection: 'they go after the pods and before the deletion is over',
    tests: [
      [decided, 'takes Patroni’s own objects after the pods that would make them anew, and before it is over (22)'],
      ['test/e2e/deletion.test.ts', 'with volumePolicy Delete leaves nothing, and a namesake comes up empty'],
    ],
  },
  {
    trap: 'a write of labels or owners replaces Patroni’s annotations: the lock is gone',
    protection:
      'none of its objects is ours to apply; what is said to it is a merge patch of one annotation, of what was read',
    tests: [
      [rendered, 'Patroni’s own objects are in no plan: nothing of ours is ever applied over them (23)'],
      [requested, '$what changes what it names and keeps the rest (23)'],
    ],
  },
  {
    trap: 'a cluster made anew writes its WAL where its predecessor’s lies',
    protection: 'no archive is built yet, and none can be switched on by hand',
    tests: [
      [rendered, 'no variable begins a copy or an archive (24, 32)'],
      ['test/src/resources/fields.test.ts', 'an archive by hand'],
    ],
    decision: '0004-no-archive-and-no-copy-by-variables.md',
  },
  {
    trap: 'clients without TLS are refused',
    protection: 'the application’s address asks for it',
    tests: [[rendered, 'the application’s address asks for TLS, since pg_hba refuses everything else (25)']],
  },
  {
    trap: 'heartbeats make a stream of events that never rests',
    protection: 'they end at the door; positions pass in steps of a WAL segment',
    tests: [
      [door, 'are silent while only the heartbeat changes'],
      [door, 'is the same text for positions within one WAL segment'],
      ['test/src/sim/quiescence.test.ts', 'clusters that run write nothing in ${hours} hours'],
    ],
  },
  {
    trap: 'names of two clusters’ objects collide, or are too long for a pod',
    protection: 'endings that are ours are refused at admission, and names over 40 characters',
    tests: [
      [rendered, 'no name of two objects is the same, also beside a namesake with one of our endings (27)'],
      ['test/integration/crd.test.ts', '%s is legal'],
    ],
  },
  {
    trap: 'another place for Patroni’s state while members run: split brain',
    protection: 'the mode is decided once, kept on the StatefulSet and in status, and immutable in the spec',
    tests: [
      [rendered, 'the mode is kept on the StatefulSet (28), and Patroni may touch the kind of that mode alone'],
      ['test/integration/crd.test.ts', 'another dcs'],
    ],
  },
  {
    trap: 'a list in SPILO_CONFIGURATION takes the place of the image’s own',
    protection: 'no list is stated, but for access rules, which are stated as a whole',
    tests: [[rendered, 'state no list, which would replace the image’s own (29)']],
  },
  {
    trap: 'acting while somebody has paused Patroni and works by hand',
    protection: 'nothing planned goes on, nothing is late, and a condition says why',
    tests: [
      [decided, 'nothing goes on with %s (30)'],
      [decided, 'no member goes and nobody hands over, though fewer are wanted (30)'],
      [decided, 'what is asked for once waits, nothing is late, and the condition says it (30)'],
      [decided, 'a spec that failed is not taken back from Patroni before it is resumed (30)'],
      [decided, 'a primary that is lost stays lost, and the reason says why (30)'],
    ],
  },
  {
    trap: 'an edited Secret is expected to take effect by itself',
    protection:
      'an edit begins a rotation: roles are told first, then what is in force is written, then members start with it',
    tests: [
      [
        'test/src/executor/passwords.test.ts',
        'are told to those that have others, and to nobody else; a second time nothing is told',
      ],
      [simulated, everyScenario],
    ],
  },
  {
    trap: 'a copy that is asked for by half gives an empty database that looks healthy',
    protection: 'a spec that asks for a copy is refused until that is built, and no variable can ask for one',
    tests: [
      [rendered, 'no variable begins a copy or an archive (24, 32)'],
      ['test/src/resources/fields.test.ts', 'a copy by hand'],
      ['test/src/resources/validation.test.ts', '%s in use is refused by name, and never ignored'],
    ],
    decision: '0004-no-archive-and-no-copy-by-variables.md',
  },
  {
    trap: 'commits wait for more members than there are: writes hang',
    protection: 'refused at admission and again by the operator; members go only down to as many as have to confirm',
    tests: [
      ['test/src/resources/validation.test.ts', 'is refused on %d members, of which two replicas could never confirm'],
      [synchrony, 'is not told to wait for replicas that do not stream yet'],
      [synchrony, 'go one at a time, down to as many as are needed'],
    ],
  },
  {
    trap: 'Patroni goes around the Service of the API server, which needs a ClusterRole',
    protection: 'it is told not to',
    tests: [[rendered, 'a flag that is off is not there (4), and the API server is not bypassed (34)']],
  },
];

/** The Markdown table of `docs/pitfalls.md`. */
export function pitfallTable(): string {
  const test = ([file, name]: NamedTest): string => `\`${file}\`: ${name.replaceAll('|', String.raw`\|`)}`;
  return [
    '| # | trap | protection | test |',
    '|---|---|---|---|',
    ...pitfalls.map(({ trap, protection, tests, decision }, index) => {
      const why = decision === undefined ? '' : `[why it cannot occur](decisions/${decision}); `;
      return `| ${index + 1} | ${trap} | ${protection} | ${why}${tests.map(test).join('; ')} |`;
    }),
  ].join('\n');
}
