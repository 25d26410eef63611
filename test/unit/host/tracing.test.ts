import { afterEach, expect, test } from 'vitest';
import { inSpan } from '../../../local/host/core/tracing.ts';

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const subject = {
  name: 'Functions.hello',
  attributes: { 'faas.name': 'hello' },
  trace: { traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', traceState: '' },
};

afterEach(() => {
  delete (globalThis as any)[API];
});

/** A provider that notes what is done with its spans. */
function register(): { log: unknown[]; current(): any } {
  const log: unknown[] = [];
  let current: any;
  const span = {
    setStatus: (status: unknown) => log.push(['status', status]),
    recordException: (error: Error) => log.push(['exception', error.message]),
    end: () => log.push(['end']),
  };
  const startSpan = (name: string, options: unknown, context: any) => {
    log.push(['start', name, options, context.getValue(SPAN)?.spanContext()]);
    return span;
  };
  (globalThis as any)[API] = {
    trace: { getTracer: () => ({ startSpan }) },
    context: {
      with: (context: any, run: () => unknown) => {
        current = context.getValue(SPAN);
        return run();
      },
    },
  };
  return { log, current: () => current === span };
}

test('without a tracer provider an invocation just runs', async () => {
  expect(await inSpan(subject, async () => 5)).toBe(5);
});

test('with one it runs inside a span that continues the trace of the caller', async () => {
  const seen = register();
  expect(await inSpan(subject, async () => seen.current())).toBe(true);
  const parent = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
  };
  expect(seen.log).toEqual([
    ['start', 'Functions.hello', { kind: 1, attributes: { 'faas.name': 'hello' } }, parent],
    ['end'],
  ]);
});

test('a failure is noted and passed on', async () => {
  const seen = register();
  await expect(
    inSpan({ ...subject, trace: undefined }, async () => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(seen.log.slice(1)).toEqual([['exception', 'no'], ['status', { code: 2, message: 'no' }], ['end']]);
});
