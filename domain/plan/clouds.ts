/** Suffix of `cloudapp.<suffix>` names per cloud. */
export const dnsSuffix = { public: 'azure.com', usGovernment: 'usgovcloudapi.net', china: 'chinacloudapi.cn' } as const;

/** Suffix of blob endpoints per cloud: `<account>.blob.<suffix>`. */
export const storageSuffix = {
  public: 'core.windows.net',
  usGovernment: 'core.usgovcloudapi.net',
  china: 'core.chinacloudapi.cn',
} as const;
