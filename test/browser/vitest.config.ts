import { defineConfig } from 'vitest/config';

/** `vitest run --config test/browser/vitest.config.ts`: needs a Chromium, see dashboard.test.ts. */
export default defineConfig({
  test: { name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
});
