import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { app } from '@azure/functions';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** `npm run build` puts the pages beside the bundle. */
const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'dashboard');

/** `GET /dashboard`: static files without data; the page asks for the function key and calls the API itself. */
app.http('dashboard', {
  route: 'dashboard/{*path}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async (request) => {
    const wanted = request.params['path'] ?? '';
    const file = path.join(folder, wanted === '' ? 'index.html' : wanted);
    const type = types[path.extname(file)];
    if (!file.startsWith(folder + path.sep) || type === undefined) return { status: 404 };
    try {
      return {
        status: 200,
        headers: {
          'content-type': type,
          'cache-control': 'no-cache',
          'content-security-policy': "default-src 'self'; style-src 'self'; script-src 'self'; frame-ancestors 'none'",
          'x-content-type-options': 'nosniff',
        },
        body: await readFile(file),
      };
    } catch {
      return { status: 404 };
    }
  },
});
