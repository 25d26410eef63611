import { storageSuffix } from '#domain/plan/clouds.ts';
import type { AzureSettings } from '../types.ts';

/** Addresses of one Azure cloud. */
export interface Cloud {
  readonly environment: AzureSettings['environment'];
  readonly resourceManager: string;
  readonly authority: string;
  /** `blob.core.windows.net` and its siblings, without a leading dot. */
  readonly blobSuffix: string;
}

const endpoints = {
  public: { resourceManager: 'https://management.azure.com', authority: 'https://login.microsoftonline.com' },
  usGovernment: {
    resourceManager: 'https://management.usgovcloudapi.net',
    authority: 'https://login.microsoftonline.us',
  },
  china: { resourceManager: 'https://management.chinacloudapi.cn', authority: 'https://login.chinacloudapi.cn' },
} as const;

/** Addresses of the cloud that the settings name. */
export function cloudOf(environment: AzureSettings['environment']): Cloud {
  return { environment, ...endpoints[environment], blobSuffix: `blob.${storageSuffix[environment]}` };
}

/** `https://<account>.blob.<suffix>/<container>/<blob>`. */
export function blobUrl(cloud: Cloud, account: string, container: string, blob: string): string {
  return `https://${account}.${cloud.blobSuffix}/${container}/${blob}`;
}
