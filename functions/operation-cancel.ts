import { app } from '@azure/functions';
import { requestError } from '#domain/spec/parse.ts';
import { cancelOperation } from '#services/cancel.ts';
import { bodyText, guarded, json, problem, requireOperator } from './http.ts';
import { application } from './runtime.ts';

/** `POST /api/operations/{id}/cancel` with `{ "then": "keep" | "delete" }`: 202; the operation stops at its next call. */
app.http('operationCancel', {
  route: 'api/operations/{id}/cancel',
  methods: ['POST'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { config, store } = application();
    requireOperator(request, config.platformAuthentication);
    const text = await bodyText(request);
    const then = thenOf(text);
    if (then === undefined) {
      return problem(
        requestError([{ path: 'then', message: 'must be keep or delete: { "then": "keep" }', code: 'CAP-1001' }]),
      );
    }
    const id = request.params['id'] ?? '';
    return json(202, await cancelOperation(store, id, then), { location: `/api/operations/${id}` });
  }),
});

function thenOf(text: string): 'keep' | 'delete' | undefined {
  if (text.trim() === '') return 'keep';
  try {
    const value: unknown = JSON.parse(text);
    const then = typeof value === 'object' && value !== null && 'then' in value ? value.then : undefined;
    return then === 'keep' || then === 'delete' ? then : undefined;
  } catch {
    return undefined;
  }
}
