import { ArmError } from '../engine/errors.ts';
import { type JsonObject, object, text } from '../engine/json.ts';
import { groupKeyOf, nameOf } from '../engine/ids.ts';

const CLAUSE = /^\(?\s*(?<field>[\w/]+)\s+eq\s+'(?<value>(?:[^']|'')*)'\s*\)?$/iu;

/**
 * Understands the `$filter` of resource and group lists: `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq`,
 * `name eq`, `location eq`, `resourceGroup eq`, joined by `and`. Anything else is 400 InvalidFilterInQueryString.
 */
export function tagFilter(filter: string): (item: JsonObject) => boolean {
  if (filter.trim() === '') return () => true;
  const clauses = filter.split(/\s+and\s+/iu).map((part) => {
    const groups = CLAUSE.exec(part.trim())?.groups;
    if (groups === undefined) {
      throw new ArmError(
        400,
        'InvalidFilterInQueryString',
        `Invalid $filter '${filter}' specified in the query string: only 'eq' joined by 'and' is modelled.`,
        { cause: 'gateway' },
      );
    }
    return { field: (groups['field'] ?? '').toLowerCase(), value: (groups['value'] ?? '').replaceAll("''", "'") };
  });
  const read = (field: string) => clauses.find((clause) => clause.field === field)?.value;
  const known = new Set(['tagname', 'tagvalue', 'resourcetype', 'name', 'location', 'resourcegroup']);
  const unknown = clauses.find((clause) => !known.has(clause.field));
  if (unknown !== undefined) {
    throw new ArmError(
      400,
      'InvalidFilterInQueryString',
      `Invalid $filter '${filter}' specified in the query string: the field '${unknown.field}' is not modelled.`,
      { cause: 'gateway' },
    );
  }
  return (item) => {
    const tagName = read('tagname');
    const entry = Object.entries(object(item['tags'])).find(([name]) => name.toLowerCase() === tagName?.toLowerCase());
    if (tagName !== undefined && entry === undefined) return false;
    const tagValue = read('tagvalue');
    if (tagValue !== undefined && entry?.[1] !== tagValue) return false;
    const same = (field: string, value: string | undefined) => {
      const wanted = read(field);
      return wanted === undefined || wanted.toLowerCase() === value?.toLowerCase();
    };
    return (
      same('resourcetype', text(item['type'])) &&
      same('name', text(item['name'])) &&
      same('location', text(item['location'])) &&
      same('resourcegroup', nameOf(groupKeyOf(text(item['id']) ?? '')))
    );
  };
}
