/** Owns: Kubernetes quantities as numbers, and in one spelling: `10Gi`, `500m`, `1e3`. Binary and decimal suffixes of the API's grammar. */

import { oncePerText } from './once.ts';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A number of bytes for people: `0 B`, `12.5 MiB`, `1 GiB`. */
export function bytesWords(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Math.round((bytes / 2 ** (10 * step)) * 10) / 10} ${units[step] ?? 'B'}`;
}

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const grammar = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

/**
 * The value of a quantity; NaN when the text is none.
 * @param text as in a manifest: `10Gi` gives 10737418240, `500m` gives 0.5
 */
export const quantityBytes: (text: string) => number = oncePerText((text) => {
  const parts = grammar.exec(text);
  if (parts === null) return Number.NaN;
  const [, digits = '', exponent = '', suffix = ''] = parts;
  return Number(digits + exponent) * (factors[suffix] ?? Number.NaN);
});

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** A quantity in one spelling for all that are equal: `1Gi` for `1024Mi`, `500m` for `0.5`; what has none is left as it is. */
export function plainQuantity(text: string): string {
  const value = quantityBytes(text);
  const thousandths = Math.round(value * 1000);
  if (!(value > 0) || Math.abs(thousandths - value * 1000) > 1e-6 * thousandths) return text;
  if (thousandths % 1000 !== 0) return `${thousandths}m`;
  const power = binary.findLastIndex((_, place) => value % 2 ** (10 * place) === 0);
  return `${value / 2 ** (10 * power)}${binary[power] ?? ''}`;
}
