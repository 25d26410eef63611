/** Waits `milliseconds` of real time (long polls only; nothing else may sleep). */
export async function pause(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
