// Parsers of single flag values. Each names the flag and the allowed range in its error. Knows no flag by name.

import { OtlpUrlError, parseOtlpUrl } from '../tracing/setup.js';

/** The command line asks for something impossible: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** A whole number within bounds. */
export function parseWhole(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`${flag}: '${text}' is not a whole number from ${min} to ${max}`);
  return value;
}

/** A number within bounds, such as `0.9`. */
export function parseNumber(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new UsageError(`${flag}: '${text}' is not a number from ${min} to ${max}`);
  return value;
}

/** A fraction in [0, 1]. Percentages are refused rather than guessed at. */
export function parseRatio(flag: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1))
    throw new UsageError(`${flag}: '${text}' is not a fraction from 0 to 1 (write 0.5, not 50 or 50%)`);
  return value;
}

/** Operations per second within bounds: `2000/s`, `2k/s` or plain `2000`. */
export function parseRate(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const match = /^(\d+(?:\.\d+)?)(k?)(?:\/s)?$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (match[2] === 'k' ? 1000 : 1);
  if (!(value >= min && value <= max))
    throw new UsageError(`${flag}: '${text}' is not a rate from ${min}/s to ${max}/s (write 2000/s or 2k/s)`);
  return value;
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;

/** A duration with its unit, `500ms`, `5s` or `2m`, as milliseconds. */
export function parseDuration(flag: string, text: string, { minMs, maxMs }: { minMs: number; maxMs: number }): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  const unit = match?.[2];
  const value =
    unit === 'ms' || unit === 's' || unit === 'm' ? Math.round(Number(match?.[1]) * UNIT_MS[unit]) : Number.NaN;
  if (!(value >= minMs && value <= maxMs)) {
    throw new UsageError(
      `${flag}: '${text}' is not a duration from ${minMs}ms to ${maxMs / 1000}s (write 500ms, 5s or 2m)`,
    );
  }
  return value;
}

/** One of a few words. */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((word) => word === text);
  if (choice === undefined) throw new UsageError(`${flag}: '${text}' is not one of ${choices.join(', ')}`);
  return choice;
}

/** `host:port,…` as it was typed. */
export function parseTarget(flag: string, text: string): string {
  for (const address of text.split(',')) {
    const match = /^(.+):(\d{1,5})$/.exec(address.trim());
    const port = Number(match?.[2]);
    if (match === null || port < 1 || port > 65_535) throw new UsageError(`${flag}: '${address}' is not host:port`);
  }
  return text;
}

/** Where spans are to go, as tracing wants it: `http://host:port`. */
export function parseOtlp(flag: string, text: string): string {
  try {
    return parseOtlpUrl(flag, text);
  } catch (error) {
    throw error instanceof OtlpUrlError ? new UsageError(error.message) : error;
  }
}
