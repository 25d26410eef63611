import { defineConfig } from 'vitest/config';

/** Flow tests start whole stacks: two at a time fill two cores. */
const flows = { globalSetup: ['test/support/build.ts'], hookTimeout: 60_000, maxWorkers: 2 };

export default defineConfig({
  test: {
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
