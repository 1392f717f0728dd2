// The page of an ablation of all factors in a real browser: everything on it can be seen and read on a desk and on a
// phone, by day and by night, with differences, without, and with too few repetitions to tell.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import type { AblationResult } from '../../loadgen/ablate/ablation-result.js';
import { renderAblationPage } from '../../loadgen/ablate/write-ablation.js';
import { openBrowser } from '../support/browser.js';
import { FAINT_TEXT, HEADING_JUMPS, HIDDEN_FIGURES, OPEN_DETAILS, TEXT_COLLISIONS } from '../support/page-probes.js';
import { type FiguresOf, sampleAblation, scatter } from '../unit/loadgen/sample-ablation.js';

const WINDOWS = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

/** Some levels differ, some do not, one has no weak operations. */
const figuresOf: FiguresOf = (run) => {
  const noise = scatter(run);
  const isSlow = ['30', '0.01', 'disk', '1s-cold'].includes(run.level);
  const pace = (isSlow ? 0.7 : 1) * noise;
  return {
    opsPerSecond: 20_000 * pace,
    weakP50Ms: run.level === '0' && run.factor === 'weak-ratio' ? null : 2 / pace,
    strongP50Ms: 3 / pace,
    strongP99Ms: 12 * noise ** 9,
    cpuUsPerOperation: 40 / pace,
    fastPathShare: 0.95 - noise / 50,
  };
};

describe('page of an ablation in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;
  let directory: string;
  const urls: string[] = [];

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-ablate-page-'));
    const write = (name: string, result: AblationResult) => {
      const file = path.join(directory, name);
      writeFileSync(file, renderAblationPage(result));
      urls.push(pathToFileURL(file).href);
    };
    write('whole.html', sampleAblation({ repetitions: '4' }, figuresOf));
    const many = ['pendings=1,2,3,5,8,10,20,30,50,100', 'batch-delay=0,10,20,50,100,150,500'];
    write('crowded.html', sampleAblation({ factors: 'pendings,batch-delay', levels: many }, figuresOf));
    const failures = ['<b>batch-delay</b> 50 µs, repetition 1: lost'];
    write('short.html', sampleAblation({ repetitions: '2' }, figuresOf, { failures, interrupted: true }));
    browser = await openBrowser();
  });

  after(async () => {
    await browser?.close();
    rmSync(directory, { recursive: true });
  });

  for (const [where, viewport] of Object.entries(WINDOWS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`can be read on a ${where}, ${colorScheme}`, async () => {
        for (const url of urls) {
          const page = await browser.newPage({ viewport, colorScheme });
          const messages: string[] = [];
          page.on('console', (message) => messages.push(message.text()));
          page.on('pageerror', (error) => messages.push(error.message));
          await page.goto(url);
          assert.deepEqual(messages, []);
          const width = await page.evaluate<number>('document.documentElement.scrollWidth');
          assert.ok(width <= viewport.width, `${url} is ${width} pixels wide and scrolls sideways`);
          await page.evaluate(OPEN_DETAILS);
          for (const probe of [HIDDEN_FIGURES, TEXT_COLLISIONS, FAINT_TEXT, HEADING_JUMPS])
            assert.deepEqual(await page.evaluate<string[]>(probe), [], url);
          await page.close();
        }
      });
    }
  }

  it('names every level below the axis of every panel', async () => {
    for (const [at, levels] of [
      [0, ['5 s', '1 s', '15 s', '1 s cold', '5 s cold']],
      [1, ['1', '2', '3', '5', '8', '10', '20', '30', '50', '100']],
    ] as const) {
      const page = await browser.newPage({ viewport: WINDOWS.desk });
      await page.goto(urls[at] ?? '');
      const id = at === 0 ? 'ablation-run-length' : 'ablation-pendings';
      const words = await page.locator(`#${id} svg.wide text[text-anchor=middle]`).allTextContents();
      for (const level of levels) assert.ok(words.filter((each) => each === level).length >= 7, level);
      await page.close();
    }
  });
});
