/** All elements of a paged list. */
export async function collect<Element>(pages: AsyncIterable<Element>): Promise<readonly Element[]> {
  const all: Element[] = [];
  for await (const element of pages) all.push(element);
  return all;
}
