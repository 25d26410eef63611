/** @param {number} milliseconds `0.8 s`, `42 s`, `3 m 05 s` */
export function duration(milliseconds) {
  const tenths = Math.max(0, Math.round(milliseconds / 100));
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} m ${String(seconds % 60).padStart(2, '0')} s`
    : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} m`;
}

/** @param {string} iso time of day where the reader is */
export function timeOfDay(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/**
 * Marks for a time axis of this length: a handful, at round numbers.
 *
 * @param {number} milliseconds
 * @returns {number[]}
 */
export function ticks(milliseconds) {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
  const step = (steps.find((seconds) => milliseconds / (seconds * 1000) <= 5) ?? 14_400) * 1000;
  // A mark at the very end has no room for its text.
  return Array.from({ length: Math.floor((0.93 * milliseconds) / step) + 1 }, (_, index) => index * step);
}
