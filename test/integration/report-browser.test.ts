// The report's page in a real browser: that it needs nothing but itself, that everything on it can be seen and read on a
// desk and on a phone, by day and by night, and that a keyboard gets everywhere.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import type { RunResult } from '../../loadgen/outcome/result.js';
import { renderHtml } from '../../loadgen/report/page/html.js';
import { openBrowser } from '../support/browser.js';
import {
  FAINT_TEXT,
  FOCUSED,
  HEADING_JUMPS,
  HIDDEN_FIGURES,
  OPEN_DETAILS,
  TAB_STOPS,
  TEXT_COLLISIONS,
} from '../support/page-probes.js';
import { hostileResult, realisticResult } from '../support/realistic-result.js';

const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

/** A page that is open, and what it did besides being shown. */
interface OpenPage {
  page: Page;
  messages: string[];
  requests: string[];
}

describe('report in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;
  let directory: string;
  let good: string;
  let bad: string;

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-page-'));
    const write = (name: string, result: RunResult) => {
      const file = path.join(directory, name);
      writeFileSync(file, renderHtml(result, realisticResult()));
      return pathToFileURL(file).href;
    };
    good = write('good.html', realisticResult());
    bad = write('bad.html', hostileResult());
    browser = await openBrowser();
  });

  after(async () => {
    await browser?.close();
    rmSync(directory, { recursive: true });
  });

  async function open(url: string, viewport: typeof DESK, colorScheme: 'light' | 'dark'): Promise<OpenPage> {
    const page = await browser.newPage({ viewport, colorScheme });
    const messages: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    page.on('dialog', (dialog) => messages.push(`dialog: ${dialog.message()}`));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(url);
    return { page, messages, requests };
  }

  for (const [where, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
    for (const scheme of ['light', 'dark'] as const) {
      it(`can be read on a ${where}, ${scheme}, with good and with bad news`, async () => {
        for (const url of [good, bad]) {
          const { page, messages, requests } = await open(url, viewport, scheme);
          assert.deepEqual(messages, []);
          assert.deepEqual(requests, [url]);
          const width = await page.evaluate<number>('document.documentElement.scrollWidth');
          assert.ok(width <= viewport.width, `the page is ${width} pixels wide and scrolls sideways`);
          await page.evaluate(OPEN_DETAILS);
          for (const probe of [HIDDEN_FIGURES, TEXT_COLLISIONS, FAINT_TEXT, HEADING_JUMPS])
            assert.deepEqual(await page.evaluate<string[]>(probe), []);
          await page.close();
        }
      });
    }
  }

  it('would notice words that collide or are faint, figures that are hidden and headings that jump', async () => {
    const page = await browser.newPage({ viewport: DESK });
    await page.setContent(`<body><h1>One</h1><h3 style="color:#999">Three</h3><figure id="broken">
      <svg style="display:none"></svg></figure><figure id="crowded"><svg width="200" height="100">
      <text x="20" y="50">covered</text><text x="30" y="52">covering</text><text x="180" y="90">too far out</text>
      </svg></figure></body>`);
    const answers = [HIDDEN_FIGURES, TEXT_COLLISIONS, FAINT_TEXT, HEADING_JUMPS].map((probe) =>
      page.evaluate<string[]>(probe),
    );
    const [hidden, colliding, faint, jumps] = await Promise.all(answers);
    assert.deepEqual(hidden, ['figure broken is not seen once']);
    assert.deepEqual(colliding, ['crowded: "covered" and "covering" collide', 'crowded: "too far out" sticks out']);
    assert.deepEqual(faint, ['"Three" has a contrast of 2.85']);
    assert.deepEqual(jumps, ['Three']);
    await page.close();
  });

  it('lets the tab key reach everything, in order and visibly', async () => {
    const { page } = await open(good, DESK, 'light');
    await page.locator('details').first().locator('summary').focus();
    await page.keyboard.press('Enter');
    await page.locator('details[open] table').first().waitFor();
    await page.reload();
    const stops = await page.evaluate<string[]>(TAB_STOPS);
    assert.ok(stops.length > 20, `only ${stops.length} stops`);
    for (const stop of stops) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<{ words: string; isOutlined: boolean; isInView: boolean }>(FOCUSED);
      assert.deepEqual(focused, { words: stop, isOutlined: true, isInView: true });
    }
    await page.close();
  });

  it('has a link that skips to the verdict', async () => {
    const { page } = await open(good, PHONE, 'light');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate<string>('document.activeElement.id'), 'main');
    await page.close();
  });

  it('shows hostile words as words', async () => {
    const { page, messages } = await open(bad, DESK, 'light');
    assert.equal(await page.locator('script, img, iframe, object, b b').count(), 0);
    const words = await page.evaluate<string>('document.body.textContent');
    assert.ok(words.includes('<script>alert(1)</script>'));
    assert.ok(words.includes('"><img src=x onerror=alert(2)>'));
    assert.ok(await page.getByText('NOT VALID').first().isVisible());
    assert.deepEqual(messages, []);
    await page.close();
  });

  it('is there at once', async function () {
    const { page } = await open(good, DESK, 'light');
    const ms = await page.evaluate<number>("performance.getEntriesByType('navigation')[0].loadEventEnd");
    const test = this.test;
    assert.ok(test !== undefined && ms > 0);
    // The figure is for the reader of the test's output; on a busy machine it means nothing and is not judged.
    test.title += ` (loaded in ${Math.round(ms)} ms)`;
    await page.close();
  });
});
