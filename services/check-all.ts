import { checkCluster, whyNot } from './check.ts';
import type { ServiceDependencies } from './dependencies.ts';

/** Milliseconds one timer call may take: the host ends a function after five minutes. */
const budget = 180_000;

/** Clusters that are looked at side by side. */
const sideBySide = 4;

/**
 * Checks every cluster that rests, the one that was not looked at for the longest time first. What does not fit into
 * one call is first in the next.
 *
 * @returns names of the clusters with findings, and of those that could not be checked
 */
export async function checkClusters(
  dependencies: ServiceDependencies,
): Promise<{ readonly checked: number; readonly found: readonly string[]; readonly failed: readonly string[] }> {
  const { store } = dependencies;
  const due: { readonly name: string; readonly last: string }[] = [];
  for await (const { value: head } of store.clusters.heads()) {
    if (whyNot(head) === undefined)
      due.push({ name: head.name, last: (await store.clusters.check(head.name))?.checkedAt ?? '' });
  }
  due.sort((a, b) => (a.last < b.last ? -1 : 1));
  const end = Date.now() + budget;
  const found: string[] = [];
  const failed: string[] = [];
  let checked = 0;
  const work = async (): Promise<void> => {
    for (let next = due.shift(); next !== undefined && Date.now() < end; next = due.shift()) {
      try {
        const report = await checkCluster(dependencies, next.name);
        checked++;
        if (report.findings.length > 0) found.push(next.name);
      } catch {
        // One cluster that cannot be checked does not keep the others from it; an operation may just have begun.
        failed.push(next.name);
      }
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
  return { checked, found, failed };
}
