// Reads TypeScript far enough for the tidy rules: what is code and what is text, which modules are imported, where
// functions begin and end. Not a parser: it knows the forms that formatted sources of this project take.

/** A file as the rules get it. */
export interface SourceFile {
  /** Path from the project's root, with slashes. */
  path: string;
  text: string;
}

/** An import, a re-export, a dynamic import or an import type. */
export interface Import {
  specifier: string;
  line: number;
}

/** A function body. */
export interface FunctionSpan {
  line: number;
  lines: number;
}

/** A file together with what scanning found in it. */
export interface ScannedSource extends SourceFile {
  /** The text with comments and the insides of literals blanked out; positions are those of `text`. */
  code: string;
  imports: Import[];
}

/** Scans a source. */
export function scanSource(file: SourceFile): ScannedSource {
  const code = blankLiterals(file.text);
  return { ...file, code, imports: findImports(file.text, code) };
}

/** Number of the line on which a position lies, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Every match of a pattern in the code, as line numbers. */
export function linesMatching(source: ScannedSource, pattern: RegExp): number[] {
  return [...source.code.matchAll(new RegExp(pattern, 'gm'))].map((match) => lineAt(source.text, match.index));
}

/**
 * Blanks comments and the insides of strings, templates and regular expressions, keeping quotes and line ends. Code in
 * a template's `${}` stays.
 */
export function blankLiterals(text: string): string {
  let code = '';
  let at = 0;
  /** For each open template: how many braces are open inside its `${`. */
  const templates: number[] = [];
  const blankTo = (end: number) => {
    code += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const keep = () => {
    code += text[at++];
  };
  const blankTemplate = () => {
    const end = templateEnd(text, at);
    blankTo(end);
    if (text[at] === '`') keep();
    else if (at < text.length) {
      blankTo(at + 1);
      keep();
      templates.push(0);
    }
  };
  while (at < text.length) {
    const char = text[at];
    if (text.startsWith('//', at)) blankTo(indexOrEnd(text, '\n', at));
    else if (text.startsWith('/*', at)) blankTo(Math.min(text.length, indexOrEnd(text, '*/', at + 2) + 2));
    else if (char === "'" || char === '"' || (char === '/' && beginsRegExp(code))) {
      const end = literalEnd(text, at, char);
      keep();
      blankTo(end);
      if (at < text.length) keep();
    } else if (char === '`') {
      keep();
      blankTemplate();
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      keep();
      blankTemplate();
    } else {
      if (templates.length > 0 && (char === '{' || char === '}'))
        templates[templates.length - 1]! += char === '{' ? 1 : -1;
      keep();
    }
  }
  return code;
}

function indexOrEnd(text: string, wanted: string, from: number): number {
  const index = text.indexOf(wanted, from);
  return index === -1 ? text.length : index;
}

/** A slash begins a regular expression where no value can have ended. */
function beginsRegExp(codeBefore: string): boolean {
  return /(?:^|[=(,:[!&|?{};+>]|\b(?:return|typeof|case|in|of))\s*$/.test(codeBefore.slice(-40));
}

/** Position of the closing quote or slash. */
function literalEnd(text: string, start: number, quote: string): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '\n') return at;
    else if (quote === '/' && char === '[') inClass = true;
    else if (quote === '/' && char === ']') inClass = false;
    else if (char === quote && !inClass) return at;
  }
  return text.length;
}

/** Position of the closing backtick or of the next `${`. */
function templateEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '`' || text.startsWith('${', at)) return at;
  }
  return text.length;
}

const IMPORT_FORMS = [
  // import … from '…' and export … from '…'
  /\b(?:import|export)\b[^;'"`]*?\bfrom\s*(?=['"])/g,
  // import '…'
  /\bimport\s*(?=['"])/g,
  // import('…'), also as a type
  /\bimport\s*\(\s*(?=['"])/g,
];

function findImports(text: string, code: string): Import[] {
  const imports: Import[] = [];
  for (const form of IMPORT_FORMS) {
    for (const match of code.matchAll(form)) {
      const quoteAt = match.index + match[0].length;
      const specifier = text.slice(quoteAt + 1, code.indexOf(code[quoteAt]!, quoteAt + 1));
      imports.push({ specifier, line: lineAt(text, quoteAt) });
    }
  }
  return imports.sort((a, b) => a.line - b.line);
}

/** Every function, method and arrow body in braces. The bodies of `describe` are tables of contents, not functions. */
export function findFunctions(source: ScannedSource): FunctionSpan[] {
  const { code } = source;
  const found: FunctionSpan[] = [];
  /** Start of each open brace's function; -1 for other braces. */
  const open: number[] = [];
  let returnTypeClosedAt = -1;
  for (const { index } of code.matchAll(/[{}]/g)) {
    if (code[index] === '}') {
      const start = open.pop() ?? -1;
      if (start >= 0) {
        const line = lineAt(code, start);
        found.push({ line, lines: lineAt(code, index) - line + 1 });
      }
      // A brace that follows a return type in braces opens the body.
      if (start === RETURN_TYPE) returnTypeClosedAt = index;
      continue;
    }
    const before = code.slice(Math.max(0, index - 600), index).trimEnd();
    const followsReturnType = returnTypeClosedAt >= 0 && code.slice(returnTypeClosedAt + 1, index).trim() === '';
    open.push(followsReturnType ? index : functionStart(before, index));
  }
  return found;
}

const OTHER_BRACE = -1;
const RETURN_TYPE = -2;

/** Where the function begins whose body follows `before`, or what else the brace is. */
function functionStart(before: string, braceAt: number): number {
  if (/\)\s*:$/.test(before)) return RETURN_TYPE;
  const arrow = before.endsWith('=>');
  const head = arrow ? before.slice(0, -2).trimEnd() : before;
  const signature = /\)(?:\s*:\s*[^;{}=]*)?$/.exec(head);
  if (signature === null) return arrow ? braceAt : OTHER_BRACE;
  const opening = matchingParenthesis(head, signature.index);
  const name = head.slice(0, opening).trimEnd();
  if (!arrow && /\b(?:if|for|while|switch|catch|with|await)$/.test(name)) return OTHER_BRACE;
  if (/\bdescribe\([^;{}]*$/.test(name)) return OTHER_BRACE;
  return braceAt - (before.length - Math.max(0, opening));
}

/** Position of the parenthesis that the one at `closing` closes; -1 if it lies further back than the text goes. */
function matchingParenthesis(text: string, closing: number): number {
  let depth = 0;
  for (let at = closing; at >= 0; at--) {
    if (text[at] === ')') depth++;
    else if (text[at] === '(' && --depth === 0) return at;
  }
  return -1;
}
