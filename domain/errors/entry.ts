/** One registered error. The documentation page of all errors is generated from these entries. */
export interface ErrorEntry {
  /** Short title, no full stop. */
  readonly title: string;
  /** What brings it about. */
  readonly cause: string;
  /** What a person does about it. */
  readonly remedy: string;
  /** Status of the HTTP answer when a request ends in this error. */
  readonly httpStatus: number;
}

/** Keeps the literal codes of a table while checking each entry. */
export function defineErrors<const Table extends Record<`CAP-${number}`, ErrorEntry>>(table: Table): Table {
  return table;
}
