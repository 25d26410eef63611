import type { ClusterSpec } from '../spec/types.ts';

/** What stands in the place of a signature. */
const redacted = 'redacted';

/**
 * A URL as it may be shown: the value of every query parameter is taken out, since a SAS is spread over several of them.
 * A text that is no URL is shown without what follows its question mark.
 */
export function shownUrl(text: string): string {
  const question = text.indexOf('?');
  return question === -1 ? text : `${text.slice(0, question)}?${redacted}`;
}

/** A text with the signatures of URLs in it taken out, for messages that may quote what somebody sent. */
export function withoutSignatures(text: string): string {
  return text.replaceAll(/([?&](?:sig|signature)=)[^&\s"'<>]+/gi, `$1${redacted}`);
}

/** A request's spec as it may leave the app: the URL of the base image without the SAS it may carry. */
export function shownSpec(spec: ClusterSpec): ClusterSpec {
  const { vhd } = spec.image;
  return vhd === undefined ? spec : { ...spec, image: { ...spec.image, vhd: shownUrl(vhd) } };
}
