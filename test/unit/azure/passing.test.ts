import { describe, expect, it } from 'vitest';
import { isPassing } from '#azure/errors/classify.ts';
import { transportFailure } from '#azure/errors/failure.ts';

describe('no answer to a call', () => {
  const authentication = (statusCode: number) =>
    Object.assign(new Error('the token endpoint says no'), { name: 'AuthenticationError', statusCode });

  it('passes when the connection broke or the answer was cut', () => {
    expect(isPassing(transportFailure(Object.assign(new Error('x'), { code: 'ECONNRESET' })))).toBe(true);
    expect(isPassing(transportFailure(Object.assign(new Error('x'), { code: 'PARSE_ERROR' })))).toBe(true);
  });

  it('passes when the token endpoint is busy, and not when it refuses', () => {
    expect([429, 500, 503, 400, 401].map((status) => isPassing(transportFailure(authentication(status))))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
