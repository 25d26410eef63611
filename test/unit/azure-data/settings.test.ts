import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readSettings } from '#local/simulator/settings.ts';

test('flags win over the environment, and the environment over the defaults', () => {
  expect(readSettings([], {})).toEqual({
    port: 7080,
    dataDirectory: resolve('.capstan'),
    timeScale: 1,
    seed: 'capstan',
    guide: false,
  });
  const environment = {
    CAPSTAN_AZURE_PORT: '7000',
    CAPSTAN_DATA: '/data',
    CAPSTAN_TIME_SCALE: '30',
    CAPSTAN_AZURE_SEED: 'x',
  };
  expect(readSettings([], environment)).toEqual({
    port: 7000,
    dataDirectory: '/data',
    timeScale: 30,
    seed: 'x',
    guide: false,
  });
  expect(readSettings(['--port', '0', '--time-scale', '300'], environment)).toEqual({
    port: 0,
    dataDirectory: '/data',
    timeScale: 300,
    seed: 'x',
    guide: false,
  });
});

test('wrong flags are named', () => {
  expect(() => readSettings(['--port', 'x'], {})).toThrow(/--port must be a number/);
  expect(() => readSettings(['--time-scale', '0'], {})).toThrow(/--time-scale/);
  expect(() => readSettings(['--bogus'], {})).toThrow(/--bogus/);
});
