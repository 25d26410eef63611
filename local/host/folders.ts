import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Makes a folder with those above it. (`mkdirSync` with `recursive` never returns where a file system refuses, as /proc does.) */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const above = path.dirname(folder);
  if (above !== folder) makeFolder(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Somebody else may just have made it.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

/** A data folder that is already in use, or cannot be used. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/** What is thrown when the data folder cannot be written. */
export function notWritable(folder: string, error: unknown): DataFolderError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DataFolderError(
    `The data folder ${folder} cannot be written (${reason}). Make it writable, or choose another one with --data.`,
    { cause: error },
  );
}

/** Throws a DataFolderError when the folder, or a file in it that is there, cannot be written: a read-only disk, say. */
export function checkWritable(folder: string, file: string): void {
  try {
    accessSync(folder, constants.W_OK);
    if (existsSync(file)) accessSync(file, constants.W_OK);
  } catch (error) {
    throw notWritable(folder, error);
  }
}

/** Makes the data folder. Throws a DataFolderError. */
export function makeDataFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    throw notWritable(folder, error);
  }
}

/** Throws an Error for an app folder that is not there. */
export function checkAppFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  const what = found === undefined ? 'There is no folder' : found.isDirectory() ? undefined : 'This is no folder:';
  if (what !== undefined)
    throw new Error(
      `${what} ${folder}. Give the folder of a built Functions app: the one with host.json and package.json.`,
    );
}
