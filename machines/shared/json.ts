/** Owns: JSON as a type. Two objects in it stand for what the executor fills in: `{ "$effect": "" }` and its friends (`journal.md` §4). */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonRecord = { readonly [key: string]: Json };
