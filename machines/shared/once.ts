/**
 * Owns: computing what follows from immutable facts once. Many guards, wishes and sentences of one decision ask the same
 * question of the same facts; the answer is kept as long as the facts are, and never outlives them.
 */

/** So many texts are kept; then they are forgotten, and asked about anew. */
const textsMax = 1_024;

/** The function of a text, answering a second question about an equal one from memory. `compute` must be pure. */
export function oncePerText<Value>(compute: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const value = compute(text);
    if (known.size >= textsMax) known.clear();
    known.set(text, value);
    return value;
  };
}

/** The function, answering a second question about the same object from memory. `compute` must be pure. */
export function oncePer<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before.value;
    const value = compute(key);
    known.set(key, { value });
    return value;
  };
}
