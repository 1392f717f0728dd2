// Questions to a page, as expressions that the browser evaluates: text because they are not of this program's world. Each
// answers a list of sentences, empty if all is well. They know HTML and SVG, and nothing of reports.

/** Not a question: opens everything that can be opened. */
export const OPEN_DETAILS = `document.querySelectorAll('details').forEach((details) => (details.open = true))`;

/** Pairs of words in a drawing that cover each other, and words that stick out of their drawing. */
export const TEXT_COLLISIONS = `(() => {
  const problems = [];
  const slack = 0.75;
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) continue;
    const where = svg.closest('[id]').id + ': ';
    const texts = [...svg.querySelectorAll('text')].map((text) => ({ words: text.textContent, box: text.getBoundingClientRect() }));
    texts.forEach(({ words, box }, at) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        problems.push(where + '"' + words + '" sticks out');
      for (const other of texts.slice(at + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        // Boxes have room for accents above and below, which figures do not use.
        if (across > slack && down > box.height * 0.3) problems.push(where + '"' + words + '" and "' + other.words + '" collide');
      }
    });
  }
  return problems;
})()`;

/** Figures of which not exactly one drawing is to be seen. */
export const HIDDEN_FIGURES = `[...document.querySelectorAll('figure')]
  .filter((figure) => {
    const seen = [...figure.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect());
    return seen.filter(({ width, height }) => width > 100 && height > 50).length !== 1;
  })
  .map((figure) => 'figure ' + figure.id + ' is not seen once')`;

/** Words whose contrast against what is behind them is below 4.5 to 1. */
export const FAINT_TEXT = `(() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const isSolid = (colour) => colour.startsWith('rgb') && (rgb(colour)[3] ?? 1) === 1;
  const luminance = (colour) => {
    const [r, g, b] = rgb(colour).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    if (element.namespaceURI.endsWith('svg')) {
      const at = element.getBoundingClientRect();
      const [x, y] = [at.left + at.width / 2, at.top + at.height / 2];
      const rects = [...element.ownerSVGElement.querySelectorAll('rect')].filter((rect) => {
        const box = rect.getBoundingClientRect();
        const isBefore = rect.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
        return isBefore && box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
      });
      const last = rects.at(-1);
      if (last !== undefined) return getComputedStyle(last).fill;
    }
    for (let each = element; each !== null; each = each.parentElement) {
      const { backgroundColor } = getComputedStyle(each);
      if (isSolid(backgroundColor)) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const problems = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    // The rows of a table are alike; the first two of them stand for all.
    if (element.closest('tbody tr:nth-child(n+3)') !== null) continue;
    if (words === '' || element.getBoundingClientRect().width === 0 || element.localName === 'title') continue;
    const style = getComputedStyle(element);
    const colour = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const value = contrast(colour, behind(element));
    if (value < 4.5) problems.add('"' + words.slice(0, 40) + '" has a contrast of ' + value.toFixed(2));
  }
  return [...problems];
})()`;

/** What the tab key has to reach, in this order, as short descriptions. */
export const TAB_STOPS = `[...document.querySelectorAll('a[href],summary,[tabindex="0"]')]
  .filter((element) => element.checkVisibility())
  .map((element) => element.localName + ' ' + (element.getAttribute('aria-label') ?? element.textContent.trim()))`;

/** What has the focus, and whether that can be seen. */
export const FOCUSED = `(() => {
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return {
    words: element.localName + ' ' + (element.getAttribute('aria-label') ?? element.textContent.trim()),
    isOutlined: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    isInView: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
})()`;

/** Headings whose level jumps, such as a third level right below a first. */
export const HEADING_JUMPS = `(() => {
  const levels = [...document.querySelectorAll('h1,h2,h3,h4')].map((heading) => ({ level: Number(heading.localName[1]), words: heading.textContent }));
  return levels.filter(({ level }, at) => level > (levels[at - 1]?.level ?? 0) + 1).map(({ words }) => words);
})()`;
