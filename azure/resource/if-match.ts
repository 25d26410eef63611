/** Request options that make a write conditional on the state that was read; none for a first write. */
export function ifMatch(etag: string | undefined): { requestOptions?: { headers: Record<string, string> } } {
  return etag === undefined ? {} : { requestOptions: { headers: { 'If-Match': etag } } };
}
