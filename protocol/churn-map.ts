// A hash table for keys that come and go: pending writes by key. Own chains instead of a Map for the reason told in
// slot-table.ts; a newer entry points to older ones only, so a dead old entry keeps no new one alive.

interface Entry<V> {
  key: string;
  hash: number;
  value: V;
  next: Entry<V> | null;
}

/** Values by text key. */
export class ChurnMap<V> {
  #buckets: (Entry<V> | null)[] = new Array<Entry<V> | null>(16).fill(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    if (this.#size === 0) return undefined;
    const hash = hashOf(key);
    for (let at = this.#buckets[hash & (this.#buckets.length - 1)] ?? null; at !== null; at = at.next) {
      if (at.hash === hash && at.key === key) return at.value;
    }
    return undefined;
  }

  /** Adds a key that is not there. */
  add(key: string, value: V): void {
    if (this.#size >= this.#buckets.length) this.#grow();
    const hash = hashOf(key);
    const bucket = hash & (this.#buckets.length - 1);
    this.#buckets[bucket] = { key, hash, value, next: this.#buckets[bucket] ?? null };
    this.#size++;
  }

  delete(key: string): void {
    const hash = hashOf(key);
    const bucket = hash & (this.#buckets.length - 1);
    let before: Entry<V> | null = null;
    for (let at = this.#buckets[bucket] ?? null; at !== null; before = at, at = at.next) {
      if (at.hash !== hash || at.key !== key) continue;
      if (before === null) this.#buckets[bucket] = at.next;
      else before.next = at.next;
      this.#size--;
      return;
    }
  }

  #grow(): void {
    const old = this.#buckets;
    const buckets = new Array<Entry<V> | null>(old.length * 4).fill(null);
    for (const head of old) {
      for (let at = head; at !== null; ) {
        const { next } = at;
        const bucket = at.hash & (buckets.length - 1);
        at.next = buckets[bucket] ?? null;
        buckets[bucket] = at;
        at = next;
      }
    }
    this.#buckets = buckets;
  }
}

/** FNV-1a, with the high bits folded in. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
