import { seededServicePrincipal, seededTenantId } from './compose.ts';

/**
 * What to paste into a shell so that unmodified tools talk to the simulated Azure: it is their proxy for https, and
 * answers Azure's production names under its own certificate authority. The secret opens nothing but the simulation.
 *
 * @param url base URL of the gateway
 * @param certificateFile file with the certificate of the local authority
 */
export function guide(url: string, certificateFile: string): string {
  const { clientId, clientSecret } = seededServicePrincipal;
  const bundles = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE'];
  return [
    '',
    'Any tool reaches the simulated Azure through it. Paste into a shell:',
    '',
    `export HTTPS_PROXY=${url} https_proxy=${url} NO_PROXY=127.0.0.1,localhost`,
    `export ${bundles.map((name) => `${name}=${certificateFile}`).join(' ')}`,
    `export AZURE_TENANT_ID=${seededTenantId} AZURE_CLIENT_ID=${clientId} AZURE_CLIENT_SECRET=${clientSecret}`,
    '',
    'az CLI:    az login --service-principal -u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID',
    'Terraform: export ARM_TENANT_ID=$AZURE_TENANT_ID ARM_CLIENT_ID=$AZURE_CLIENT_ID ARM_CLIENT_SECRET=$AZURE_CLIENT_SECRET',
    'SDKs:      DefaultAzureCredential finds the variables above',
    `Identity of a virtual machine: the proxy's user names it, with its slashes written as %2F:`,
    `           export HTTP_PROXY=${url.replace('://', '://<vm resource id>:@')} http_proxy=${url.replace('://', '://<vm resource id>:@')}`,
    '',
    `Look inside: curl ${url}/_simulator/resources · faults: POST ${url}/_simulator/faults · Ctrl-C ends it, the state stays.`,
  ].join('\n');
}
