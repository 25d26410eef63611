/** Texts of values as .NET and Newtonsoft.Json write them with the invariant culture. */

/** A double as `double.ToString()` writes it: shortest digits, an exponent from 1E+15 up and below 1E-04. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(value, -0)) return '-0';
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 15) {
    const places = Math.max(0, digits.replace(/^-?\d\.?/, '').length - exponent);
    return value.toFixed(places);
  }
  return `${digits}E${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

const ISO_DATE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,7}))?(Z|[+-]\d{2}:\d{2})?$/;

interface NetDate {
  /** `yyyy-MM-ddTHH:mm:ss` in UTC. */
  readonly seconds: string;
  readonly fraction: string;
  readonly zone: string;
}

/** A text that Newtonsoft.Json takes for a date; a zone other than UTC is turned into UTC, the local zone of the host. */
function readDate(text: string): NetDate | undefined {
  const [, seconds = '', fraction = '', zone = ''] = ISO_DATE.exec(text) ?? [];
  const day = Date.parse(`${seconds}Z`);
  // 30 February is no date there, though it is one here.
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 19) !== seconds) return undefined;
  const time = new Date(Date.parse(`${seconds}${zone === '' ? 'Z' : zone}`));
  const shown = zone === '' || zone === 'Z' ? zone : '+00:00';
  return { seconds: time.toISOString().slice(0, 19), fraction: fraction.replace(/0+$/, ''), zone: shown };
}

/** The text of a date in a string of JSON, e.g. `01/31/2026 12:00:00`; undefined for other texts. */
export function dateText(text: string): string | undefined {
  const [date, clock] = readDate(text)?.seconds.split('T') ?? [];
  const [year, month, day] = date?.split('-') ?? [];
  return date === undefined ? undefined : `${month}/${day}/${year} ${clock}`;
}

/** A date in a string of JSON as it is written into JSON again; undefined for other texts. */
export function dateJson(text: string): string | undefined {
  const date = readDate(text);
  return date && `${date.seconds}${date.fraction === '' ? '' : `.${date.fraction}`}${date.zone}`;
}
