// A binary heap of numbers that stand for something with a priority, smallest first.

/** Priorities must not change while a number is in the heap. */
export class MinHeap {
  readonly #items: number[] = [];

  constructor(private readonly priority: (item: number) => number) {}

  get top(): number | undefined {
    return this.#items[0];
  }

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = items[parent] ?? 0;
      if (this.priority(above) <= this.priority(item)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.priority(items[child + 1] ?? 0) < this.priority(items[child] ?? 0))
        child += 1;
      const below = items[child] ?? 0;
      if (this.priority(below) >= this.priority(last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
