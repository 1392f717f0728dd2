// Mocha's own spec reporter, which also leaves a summary in a file: the counts and the slow tests. The file appears
// when the last test has ended, even if something keeps the process alive after that.

import { renameSync, writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const SLOW_MS = 2_000;
const SLOW_TESTS_LIMIT = 15;

export default class TestReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const { summary } = options.reporterOption;
    const slow = [];
    runner.on(Mocha.Runner.constants.EVENT_TEST_END, (test) => {
      if (test.duration > SLOW_MS) slow.push({ title: test.fullTitle(), ms: test.duration });
    });
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      slow.sort((a, b) => b.ms - a.ms);
      const content = { passed: passes, failed: failures, slow: slow.slice(0, SLOW_TESTS_LIMIT) };
      writeFileSync(`${summary}.part`, JSON.stringify(content));
      renameSync(`${summary}.part`, summary);
    });
  }
}
