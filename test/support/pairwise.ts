/**
 * Owns: on which PostgreSQL, and with Patroni's state kept where, each file of day-two tests runs. Pairwise: every file
 * meets every version and both homes, and every version meets both homes; three runs a file instead of six.
 */

export interface Setting {
  readonly version: string;
  readonly dcs: 'Endpoints' | 'ConfigMaps';
}

/** What most users have, and what CI runs. */
export const usual: Setting = { version: '17', dcs: 'Endpoints' };

/** Files take turns at these. */
const turns: readonly (readonly Setting[])[] = [
  [usual, { version: '15', dcs: 'ConfigMaps' }, { version: '18', dcs: 'ConfigMaps' }],
  [
    { version: '17', dcs: 'ConfigMaps' },
    { version: '15', dcs: 'Endpoints' },
    { version: '18', dcs: 'Endpoints' },
  ],
];

/** A run of some files in one setting. */
export interface Round {
  readonly setting: Setting;
  readonly files: readonly string[];
}

/** The rounds in which every file has its settings. @param files paths, in an order that stays */
export function pairwise(files: readonly string[]): readonly Round[] {
  return turns.flatMap((settings, turn) =>
    settings.map((setting) => ({ setting, files: files.filter((_, index) => index % turns.length === turn) })),
  );
}
