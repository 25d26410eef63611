/** Colours and weights by meaning; without colour every function is the identity. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  live(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
}

/** ANSI colours, or none (`NO_COLOR`, no-color.org: any value but the empty one). */
export function createPaint(colour: boolean): Paint {
  const code = (open: number, close: number) => (text: string) =>
    colour && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    good: code(32, 39),
    bad: code(31, 39),
    warn: code(33, 39),
    live: code(36, 39),
    dim: code(2, 22),
    strong: code(1, 22),
  };
}

// oxlint-disable-next-line no-control-regex
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** Columns a text takes: escape sequences take none, the signs this view uses take one each. */
export function columns(text: string): number {
  return Array.from(text.replaceAll(escapes, '')).length;
}

/** Cuts to `width` columns, with an ellipsis; escape sequences are kept so that colours close. */
export function fit(text: string, width: number): string {
  if (columns(text) <= width) return text;
  if (width <= 0) return '';
  let room = width - 1;
  let out = '';
  let cut = false;
  // oxlint-disable-next-line no-control-regex
  for (const piece of text.split(/(\u001b\[[0-9;?]*[A-Za-z])/)) {
    if (piece.startsWith('\u001b[')) {
      out += piece;
      continue;
    }
    if (cut) continue;
    const letters = Array.from(piece);
    out += letters.slice(0, room).join('');
    if (letters.length > room) {
      out += '…';
      cut = true;
    }
    room -= Math.min(letters.length, room);
  }
  return out;
}

/** Left and right text on one line of `width` columns; the right one survives, the left one is cut. */
export function spread(left: string, right: string, width: number): string {
  const room = width - columns(right) - 1;
  if (room < 8) return fit(left, width);
  const cut = fit(left, room);
  return `${cut}${' '.repeat(Math.max(1, width - columns(cut) - columns(right)))}${right}`;
}

/** Breaks text at blanks into lines of at most `width` columns; long words are left whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && columns(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === '' ? lines : [...lines, line];
}

/** A text from elsewhere (Azure, a log) on one line, without control characters. */
export function clean(text: string): string {
  return (
    text
      .replaceAll(escapes, '')
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
      .trim()
  );
}

/** `0.8 s`, `42 s`, `3 m 05 s`. */
export function duration(milliseconds: number): string {
  const tenths = Math.max(0, Math.round(milliseconds / 100));
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (seconds % 60 === 0 && minutes < 60) return `${minutes} m`;
  return minutes < 60
    ? `${minutes} m ${String(seconds % 60).padStart(2, '0')} s`
    : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} m`;
}

/** `00:21`, `1:02:03`. */
export function clockTime(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours === 0 ? rest : `${hours}:${rest}`;
}

/** `1 worker`, `5 workers`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
