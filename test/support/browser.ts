// A real browser for tests of pages: headless Chromium as it is installed on the machine, cut off from everything that it
// might do by itself. Knows no page.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'headless_shell'];

/** Flags that keep the browser from its own business: updates, synchronization, first-run pages, other transports. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts the browser with an empty profile. Throws, naming what was looked for, if there is none. */
export function openBrowser(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const executablePath = candidates.find((file) => existsSync(file));
  if (executablePath === undefined) {
    throw new Error(`this test looks at a page in a real browser, and the PATH has none of ${NAMES.join(', ')}`);
  }
  return chromium.launch({ executablePath, args: FLAGS });
}
