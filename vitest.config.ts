import { defineConfig } from 'vitest/config';

/** Flow tests start whole stacks of the built app. */
const flows = { globalSetup: ['test/support/build.ts'], hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // Vitest leaves one core idle by default; the suites are made for two. `npm test` takes three: much of it waits.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'flow', include: ['test/flow/**/*.test.ts'], testTimeout: 120_000, ...flows } },
      { test: { name: 'full', include: ['test/full/**/*.test.ts'], testTimeout: 300_000, ...flows } },
      { test: { name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 60_000 } },
    ],
  },
});
