import { frameLines } from './frame.ts';
import type { Model, View } from './model.ts';
import type { Paint } from './text.ts';

/** The part of a terminal stream that is used. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const hideCursor = '\u001b[?25l\u001b[?7l';
const showCursor = '\u001b[?7h\u001b[?25h';

/** Draws in place: the picture is written over itself, at most as tall as the terminal. */
export function createLiveView(terminal: Terminal, paint: Paint): View {
  let drawn = 0;
  let active = false;
  let last = '';
  const size = (): { width: number; height: number } => ({
    width: Math.max(20, terminal.columns ?? 80),
    height: Math.max(4, terminal.rows ?? 24),
  });
  const draw = (model: Model, now: number, height = size().height): void => {
    const lines = frameLines(model, { now, width: size().width, height, paint });
    const text = lines.map((line) => `${line}\u001b[K\n`).join('');
    if (text === last && active) return;
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\r`;
    // Between these two marks terminals that know them show nothing, so nothing flickers.
    terminal.write(`\u001b[?2026h${active ? '' : hideCursor}${up}${text}\u001b[J\u001b[?2026l`);
    active = true;
    drawn = lines.length;
    last = text;
  };
  const restore = (): void => {
    if (active) terminal.write(showCursor);
    active = false;
  };
  return {
    update: draw,
    close(model, now, below) {
      // The last picture may scroll, so all of it is shown.
      draw(model, now, Number.MAX_SAFE_INTEGER);
      restore();
      drawn = 0;
      if (below.length > 0) terminal.write(`\n${below.join('\n')}\n`);
    },
    reopen() {
      drawn = 0;
      last = '';
      terminal.write('\n');
    },
    restore,
    get width() {
      return size().width;
    },
  };
}
