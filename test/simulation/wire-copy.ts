// What the wire does to a frame, without encoding it: the receiver gets an object of its own, so nobody sees what the
// sender does to his afterwards. The copy is frozen, because all receivers and duplicates share it: a core that changes
// a frame it was given fails loudly.

/** A deep, frozen copy of a frame. Bytes are copied too (they cannot be frozen). */
export function copyFrame<T>(frame: T): T {
  return copyValue(frame) as T;
}

function copyValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value.length === 0 ? EMPTY : value.slice();
  if (Array.isArray(value)) {
    if (value.length === 0) return NO_ITEMS;
    const items = new Array<unknown>(value.length);
    for (let index = 0; index < value.length; index++) items[index] = copyValue(value[index]);
    return Object.freeze(items);
  }
  // A spread keeps the shape of the object, so that only what is no plain value has to be put in anew.
  const copy: Record<string, unknown> = { ...value };
  for (const name in copy) {
    const field = copy[name];
    if (typeof field === 'object' && field !== null) copy[name] = copyValue(field);
  }
  return Object.freeze(copy);
}

const EMPTY = new Uint8Array(0);
const NO_ITEMS: readonly unknown[] = Object.freeze([]);
