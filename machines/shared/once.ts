/**
 * Owns: computing what follows from immutable facts once. Many guards, wishes and sentences of one decision ask the same
 * question of the same facts; the answer is kept as long as the facts are, and never outlives them.
 */

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
