import { isIP, isIPv4, isIPv6 } from 'node:net';

const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DURATION = /^([+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$|^0$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const EMAIL = /^[^@\s]+@[^@\s]+$/;

const FORMATS: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': (value) => DATE_TIME.test(value) && !Number.isNaN(Date.parse(value)),
  date: (value) => DATE.test(value) && !Number.isNaN(Date.parse(value)),
  duration: (value) => DURATION.test(value),
  byte: (value) => BASE64.test(value.replaceAll(/[\r\n]/g, '')),
  uuid: (value) => UUID.test(value),
  uri: (value) => URL.canParse(value),
  email: (value) => EMAIL.test(value),
  ipv4: isIPv4,
  ipv6: isIPv6,
  ip: (value) => isIP(value) !== 0,
};

/** Whether a string has a format of the API server's list; unknown formats accept everything, as there. */
export function matchesFormat(value: string, format: string): boolean {
  return FORMATS[format]?.(value) ?? true;
}

/** Whether a string is standard base64 with padding; line breaks are ignored. */
export function isBase64(value: string): boolean {
  return matchesFormat(value, 'byte');
}
