// Writes the licences of all packages whose code is in the build into `licences.txt`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

const APACHE = '../../LICENSE';
const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
const RULE = `\n${'-'.repeat(100)}\n\n`;

/** Collect the licences; a package under one that is not allowed, or without its text, fails the build. */
export function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle(_, bundle) {
      const packages = new Map<string, Set<string>>();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === 'chunk' ? chunk.moduleIds : chunk.originalFileNames) {
          const path = id.replace(/^\0/, '').replace(/\?.*$/, '');
          if (!path.includes('/node_modules/')) continue;
          const folder = packageFolder(path);
          packages.set(folder, (packages.get(folder) ?? new Set()).add(path));
        }
      }
      const texts = [...packages].map(([folder, modules]) => licence(folder, [...modules].sort())).sort();
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: texts.join(RULE) });
    },
  };
}

/** Return the folder of the package that a module belongs to. */
function packageFolder(path: string): string {
  let folder = dirname(path);
  while (!existsSync(join(folder, 'package.json')) || !('version' in manifest(folder))) folder = dirname(folder);
  return folder;
}

function manifest(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
}

function licence(folder: string, modules: string[]): string {
  const { name, version, license } = manifest(folder);
  const stated = String(license).replace(/[()]/g, '').split(' AND ');
  const unknown = stated.find((one) => !ALLOWED.includes(one));
  if (unknown) throw new Error(`${String(name)}: read its licence, ${unknown}, then allow it in licences.ts.`);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const texts = file ? [readFileSync(join(folder, file), 'utf8')] : withoutFile(stated, modules);
  if (!texts.length) throw new Error(`${String(name)}: its package has no text of its licence.`);
  return `${String(name)} ${String(version)} (${stated.join(' AND ')})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`;
}

/** Return the texts for a package without a file: the heads of its modules, and the Apache licence, which is ours too. */
function withoutFile(stated: string[], modules: string[]): string[] {
  const heads = modules.flatMap((path) => {
    const head = /^(?:\/\/.*\n)+/.exec(readFileSync(path, 'utf8'))?.[0] ?? '';
    return head.includes('Redistribution') ? [head.replace(/^\/\/ ?/gm, '')] : [];
  });
  return [...new Set(heads), ...(stated.includes('Apache-2.0') ? [readFileSync(APACHE, 'utf8')] : [])];
}
