// An ordered set of keys, kept beside a hash map so that scans can walk keys in order. A key is a binary string: each
// char code from 0 to 255 is one byte, so `<` on strings is the order of bytes. Keys lie in sorted blocks of a bounded
// size, which keeps an insertion to one search and the move of one block's tail. Knows nothing of values or versions.

/** A block that would grow past this many keys is split. Moving half of it costs well under a microsecond. */
const BLOCK_KEYS_LIMIT = 512;
/** Neighbours are joined when both fit into a block that still has room to grow, so that a split does not follow at once. */
const JOINED_KEYS_LIMIT = BLOCK_KEYS_LIMIT / 2;

/** Keys in ascending byte order. No operation allocates, except an insertion that splits a block. */
export class KeyIndex {
  /** Never holds an empty block; every key of a block is smaller than every key of the next. */
  readonly #blocks: string[][] = [];
  #size = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#size;
  }

  /** Puts a key in; one that is there already stays as it is. */
  add(key: string): void {
    const blocks = this.#blocks;
    const at = this.#blockOf(key);
    const block = blocks[at];
    if (block === undefined) {
      blocks.push([key]);
      this.#size++;
      return;
    }
    const position = lowerBound(block, key);
    if (block[position] === key) return;
    this.#size++;
    if (position === block.length && at === blocks.length - 1) {
      // Ascending loads fill blocks to the brim instead of leaving a trail of halves.
      if (block.length === BLOCK_KEYS_LIMIT) blocks.push([key]);
      else block.push(key);
      return;
    }
    block.splice(position, 0, key);
    if (block.length > BLOCK_KEYS_LIMIT) blocks.splice(at + 1, 0, block.splice(block.length >> 1));
  }

  /** Takes a key out; one that is not there is ignored. */
  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) return;
    const position = lowerBound(block, key);
    if (block[position] !== key) return;
    this.#size--;
    block.splice(position, 1);
    this.#maybeJoin(at, block);
  }

  /** Whether a key is in the set. */
  has(key: string): boolean {
    const block = this.#blocks[this.#blockOf(key)];
    return block !== undefined && block[lowerBound(block, key)] === key;
  }

  /** Takes all keys out. */
  clear(): void {
    this.#blocks.length = 0;
    this.#size = 0;
  }

  /**
   * Visits the keys from `start` (inclusive) to `end` (exclusive; the empty string for no end) in order, until `visit`
   * answers false. `visit` must not change the set.
   */
  forEach(start: string, end: string, visit: (key: string) => boolean): void {
    const blocks = this.#blocks;
    let at = this.#blockOf(start);
    let position = at < blocks.length ? lowerBound(blocks[at]!, start) : 0;
    for (; at < blocks.length; at++) {
      const block = blocks[at]!;
      for (; position < block.length; position++) {
        const key = block[position]!;
        if (end !== '' && key >= end) return;
        if (!visit(key)) return;
      }
      position = 0;
    }
  }

  /** The last block whose first key is not above `key`, or the first block; 0 when there are none. */
  #blockOf(key: string): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (blocks[middle]![0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #maybeJoin(at: number, block: string[]): void {
    const blocks = this.#blocks;
    if (block.length === 0) {
      blocks.splice(at, 1);
      return;
    }
    const next = blocks[at + 1];
    if (next !== undefined && block.length + next.length <= JOINED_KEYS_LIMIT) {
      for (const key of next) block.push(key);
      blocks.splice(at + 1, 1);
      return;
    }
    const previous = blocks[at - 1];
    if (previous !== undefined && previous.length + block.length <= JOINED_KEYS_LIMIT) {
      for (const key of block) previous.push(key);
      blocks.splice(at, 1);
    }
  }
}

/** Position of the first key that is not below `key`; the length if all are. */
function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
