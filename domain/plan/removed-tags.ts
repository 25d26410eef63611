/**
 * The field of a plan that names tags to be taken away; nothing where there are none.
 *
 * @param tags of the document
 * @param former names of tags that earlier documents had
 */
export function removedTags(
  tags: Readonly<Record<string, string>>,
  former: readonly string[],
): { readonly removedTags?: readonly string[] } {
  const removed = former.filter((name) => !Object.hasOwn(tags, name));
  return removed.length === 0 ? {} : { removedTags: removed };
}
