// What tracing costs: CPU of all processes of a cluster and of its load, per operation, with and without it, in runs that
// take turns. The collector is a process of its own and not counted. Works on what is built:
// npm run build && node scripts/bench-tracing.mjs
// Options: --pairs N (5), --duration TIME (8s), --threads N (8), --trace-ratio FRACTION (0.01), --base DIST (another build
// to run without tracing in place of this one, such as that of an older commit).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fail, root } from './process.mjs';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    duration: { type: 'string', default: '8s' },
    threads: { type: 'string', default: '8' },
    'trace-ratio': { type: 'string', default: '0.01' },
    base: { type: 'string', default: '' },
    collect: { type: 'boolean', default: false },
  },
});

if (values.collect) await collect();
else await measureAll();

async function measureAll() {
  const { scheduled, defaultScheduling } = await load('deploy/scheduling.js');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'curpho-bench-tracing-'));
  // Scheduled like everything else: a process that may interrupt the others would be part of what is measured.
  const own = [fileURLToPath(import.meta.url), '--collect'];
  const { command, args } = scheduled(process.execPath, own, defaultScheduling());
  const collector = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [address] = await once(createInterface(collector.stdout), 'line');
    await measure(`http://${address}`, folder);
  } finally {
    collector.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A module of what is built. */
function load(file) {
  return import(pathToFileURL(path.join(root, 'dist', file)).href);
}

/** Takes spans and counts them, which is the least that a collector can do. */
async function collect() {
  const { openTraceCollector } = await load('tracing/collector.js');
  const collector = await openTraceCollector({ listen: '127.0.0.1:0', file: null });
  console.log(collector.address);
}

async function measure(otlpUrl, folder) {
  const variants = {
    off: { dist: path.join(root, 'dist'), flags: [] },
    on: { dist: path.join(root, 'dist'), flags: ['--otlp', otlpUrl, '--trace-ratio', values['trace-ratio']] },
    ...(values.base === '' ? {} : { base: { dist: path.resolve(values.base), flags: [] } }),
  };
  const names = Object.keys(variants);
  const seen = Object.fromEntries(names.map((name) => [name, []]));
  console.log(`run      ${names.map((name) => name.padStart(22)).join('')}`);
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    // Each round begins with another one, so that a machine that slows down does not favour any.
    const order = names.map((_, at) => names[(at + pair) % names.length]);
    for (const name of order) seen[name].push(await runOnce(variants[name], folder));
    const cells = names.map((name) => describe(seen[name].at(-1)).padStart(22));
    console.log(`${String(pair + 1).padEnd(9)}${cells.join('')}`);
  }
  for (const figure of ['cpuUs', 'opsPerSecond']) {
    const medians = names.map((name) => `${name} ${median(seen[name].map((run) => run[figure])).toFixed(2)}`);
    const ratios = names.slice(1).map((name) => {
      const pairwise = seen[name].map((run, at) => run[figure] / seen.off[at][figure]);
      return `${name}/off ${median(pairwise).toFixed(3)} (${Math.min(...pairwise).toFixed(3)} to ${Math.max(...pairwise).toFixed(3)})`;
    });
    console.log(`${figure}: ${medians.join(', ')}; by pairs ${ratios.join(', ')}`);
  }
}

async function runOnce({ dist, flags }, folder) {
  const out = path.join(folder, 'run');
  const args = [
    'run',
    '--threads',
    values.threads,
    '--duration',
    values.duration,
    '--warmup',
    '8s',
    '--out',
    out,
    ...flags,
  ];
  const child = spawn(process.execPath, [path.join(dist, 'loadgen/main.js'), ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) fail(`a run ended with code ${code}:\n${said}`);
  const { points } = JSON.parse(readFileSync(path.join(out, 'result.json'), 'utf8'));
  const [{ opsPerSecond, processes, iterations }] = points;
  const cores = processes.reduce((sum, { cpuShare }) => sum + cpuShare, 0) + iterations[0].clientCpuShare;
  return { opsPerSecond, cpuUs: (cores * 1e6) / opsPerSecond };
}

function describe({ opsPerSecond, cpuUs }) {
  return `${Math.round(opsPerSecond)}/s ${cpuUs.toFixed(2)} µs`;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
