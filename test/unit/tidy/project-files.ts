// Which files the tidy rules look at: everything that people write. Works on compiled tests too, wherever they lie
// inside the project.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Made by tools: folders that are not ours to judge. */
const FOREIGN_FOLDER = /^(?:\.git|node_modules|dist(?:-.*)?|results|proto\/gen)$/;

/** The project's root. */
export function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}

/** Paths of all files below `folder` from the root, with slashes, in no particular order. */
export function listFiles(root: string, folder = ''): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return FOREIGN_FOLDER.test(file) ? [] : listFiles(root, file);
    return entry.isFile() ? [file] : [];
  });
}
