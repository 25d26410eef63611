/** Configuration files as the real host reads them: JSON with comments and trailing commas, with or without a BOM. */

/** One piece of JSON text: a string, a comment or a comma before a closing bracket. */
const PIECES = /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*[}\]])/g;

/** Parses the text of a configuration file. Throws a SyntaxError. */
export function parseConfiguration(text: string): unknown {
  const plain = text
    .replace(/^\ufeff/, '')
    .replace(PIECES, (piece, quoted?: string) => quoted ?? ' '.repeat(piece.length));
  return JSON.parse(plain);
}
