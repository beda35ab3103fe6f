/**
 * Owns: filling the holes of a template at the last moment: `$effect` with the effect key, `$anchor` with the journal's
 * durable head. Everything else is sent byte for byte as it was journaled.
 */

const effectHole = '{"$effect":""}';
const anchorHole = '{"$anchor":""}';

export interface Fillings {
  readonly effectKey: string;
  readonly anchor: { readonly epoch: number; readonly seq: number; readonly head: string };
}

/** The body that goes on the wire. */
export function filled(template: string, fillings: Fillings): string {
  return template
    .replaceAll(effectHole, JSON.stringify(fillings.effectKey))
    .replaceAll(anchorHole, JSON.stringify(fillings.anchor));
}
