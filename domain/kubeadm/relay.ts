import type { ClusterPlan } from '../plan/types.ts';
import { storageSuffix } from '../plan/clouds.ts';
import type { KubeadmFile } from './types.ts';

/** Files of a control-plane machine whose contents never travel: requests and results name them instead. */
export const relayedFiles = [
  '/etc/kubernetes/pki/ca.crt',
  '/etc/kubernetes/pki/ca.key',
  '/etc/kubernetes/pki/etcd/ca.crt',
  '/etc/kubernetes/pki/etcd/ca.key',
  '/etc/kubernetes/pki/front-proxy-ca.crt',
  '/etc/kubernetes/pki/front-proxy-ca.key',
  '/etc/kubernetes/pki/sa.pub',
  '/etc/kubernetes/pki/sa.key',
  '/etc/kubernetes/admin.conf',
  '/var/lib/cloud/instance/user-data.txt',
] as const;
export type RelayedFile = (typeof relayedFiles)[number];

/** Stands for the base64 of a file of the machine, in place of a value of a Secret. */
export function relayMarker(file: RelayedFile): string {
  return `@@${file}@@`;
}

/** Address of the container that the relay works with. */
export function relayContainerUrl(plan: ClusterPlan): string | undefined {
  const container = plan.network.api.private?.relayContainer;
  return container === undefined
    ? undefined
    : `https://${plan.storage.account.name}.blob.${storageSuffix[plan.azure.environment]}/${container}`;
}

/**
 * The relay: at most a hundred lines of bash, curl and openssl. Every control-plane machine runs it, and says in the blob
 * `machines/<machine>` that its API server answers. Requests are blobs
 * `requests/<machine>/<milliseconds>-<session>-<number>`, results have the same name under `results/`. First line:
 * HMAC-SHA256 over the kind, the name and the rest, with a key that both sides derive from the authority's private key. A
 * request is carried out at most once, by the machine that it names, within ten minutes.
 */
export const relayScript = `#!/bin/bash
# Carries requests to the API server of this machine, for networks without a way in. Capstan puts numbered, signed
# requests into a container of the cluster's storage account; signed results go back there. What this machine has in
# files (keys, admin.conf, user data) is put in and taken out here, so that it is never in a blob.
set -uo pipefail
umask 077
ROOT="\${CAPSTAN_RELAY_ROOT:-}" # these four are for tests
API="\${CAPSTAN_RELAY_API:-127.0.0.1:6443}"
PAUSE="\${CAPSTAN_RELAY_PAUSE:-1}"
MACHINE="\${CAPSTAN_RELAY_MACHINE:-$(hostname -s)}"
. "$ROOT/etc/capstan/relay.conf" # CONTAINER, API_HOST
CLIENT_ID=$(sed -nE 's/.*"userAssignedIdentityID": *"([^"]+)".*/\\1/p' "$ROOT/etc/kubernetes/azure.json")
STATE="$ROOT/var/lib/capstan-relay"
mkdir -p "$STATE/done" "$STATE/work" && cd "$STATE/work" || exit 1
RENEW=0 SEEN=0 IDLE=0
FILES=(${relayedFiles.join(' ')})
KEY=$(printf 'capstan-relay:%s' "$(tr -d '[:space:]' <"$ROOT/etc/kubernetes/pki/ca.key")" | openssl dgst -sha256 -r | cut -c1-64)

# sign KIND-AND-NAME FILE
sign() { { printf '%s\\n' "$1" && cat "$2"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -r | cut -c1-64; }

# The token of this machine's identity, in a file so that no process list shows it.
sign_in() {
  ((SECONDS < RENEW)) && return
  local token url='http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F'
  token=$(curl -sf -m 10 -H 'Metadata: true' "$url&client_id=$CLIENT_ID" | sed -nE 's/.*"access_token" *: *"([^"]+)".*/\\1/p')
  [ -n "$token" ] || return 1
  printf 'Authorization: Bearer %s\\n' "$token" >auth
  RENEW=$((SECONDS + 1800))
}

blob() { curl -sf -m 60 -H @auth -H 'x-ms-version: 2021-12-02' "$@"; }
text_of() { base64 <"$ROOT$1" | tr -d '\\n'; }

# put KIND NAME FILE: signed
put() {
  { sign "\${1%s} $2" "$3" && cat "$3"; } >signed
  blob -X PUT -H 'x-ms-blob-type: BlockBlob' -H 'Content-Type: application/octet-stream' --data-binary @signed "$CONTAINER/$1/$2"
}

# Says every ten turns that requests can be sent here.
announce() {
  ((SEEN-- > 0)) && return
  curl -sf -m 5 -o ready --noproxy '*' --connect-to "$API_HOST:6443:$API" --cacert "$ROOT/etc/kubernetes/pki/ca.crt" \\
    "https://$API_HOST:6443/readyz" && date +%s >now && put machines "$MACHINE" now && SEEN=10
}

# The API server's client files, out of admin.conf.
credentials() {
  local part
  for part in certificate-authority client-certificate client-key; do
    sed -nE "s/^ *$part-data: *//p" "$ROOT/etc/kubernetes/admin.conf" | base64 -d >"$part.pem" || return 1
  done
} 2>/dev/null
# payload (method, path, content type, body) -> answer (status, content type, Retry-After, body)
call_api() {
  local method path type body file status output
  { IFS= read -r method && IFS= read -r path && IFS= read -r type && body=$(cat); } <payload || return 1
  for file in "\${FILES[@]}"; do
    if [[ $body == *"@@$file@@"* ]]; then body=\${body//"@@$file@@"/"$(text_of "$file")"}; fi
  done
  printf '%s' "$body" >body && : >output && : >headers
  credentials && status=$(curl -s -m 60 --noproxy '*' --connect-to "$API_HOST:6443:$API" --cacert certificate-authority.pem \\
    --cert client-certificate.pem --key client-key.pem -X "$method" -H "Content-Type: \${type:-application/json}" \\
    -H 'Accept: application/json' \${body:+--data-binary @body} -D headers -o output -w '%{http_code}\\n%{content_type}' \\
    "https://$API_HOST:6443$path")
  output=$(cat output)
  if [[ $path == */secrets* ]]; then
    for file in "\${FILES[@]}"; do [ -s "$ROOT$file" ] && output=\${output//"$(text_of "$file")"/"@@$file@@"}; done
    # Any other secret stays here.
    output=$(sed -E 's/"([^":]*(key|value|token|conf|config|password)[^":]*)":"[^"@]{24,}"/"\\1":"V0lUSEhFTEQ="/g' <<<"$output")
  fi
  printf '%s\\n%s\\n%s' "\${status:-000
}" "$(sed -nE 's/^[Rr]etry-[Aa]fter: *([0-9]+).*/\\1/p' headers | tail -n 1)" "$output" >answer
  rm -f body output client-key.pem
}

# One request: checked, marked as done before it is carried out, answered, removed.
serve() {
  [[ $1 =~ ^([0-9]{13})-[0-9a-f]{16}-[0-9]{6}$ ]] || return
  local age=$(($(date +%s) - BASH_REMATCH[1] / 1000)) name="$MACHINE/$1"
  blob -o request "$CONTAINER/requests/$name" || return
  tail -n +2 request >payload
  [ "$(head -n 1 request)" = "$(sign "request $name" payload)" ] && ((age < 600 && age > -600)) &&
    mkdir "$STATE/done/$1" 2>/dev/null && call_api && put results "$name" answer
  blob -X DELETE "$CONTAINER/requests/$name"
  rm -f request payload answer signed
  find "$STATE/done" -mindepth 1 -mmin +60 -delete
}

while :; do
  names=''
  if sign_in; then
    announce
    names=$(blob "$CONTAINER?restype=container&comp=list&prefix=requests/$MACHINE/&maxresults=100") || RENEW=0
    names=$(grep -oE '<Name>[^<]+</Name>' <<<"$names" | sed -E 's#.*/([0-9a-f-]+)</Name>#\\1#' | sort)
  fi
  for name in $names; do serve "$name"; done
  if [ -n "$names" ]; then IDLE=0; else sleep "$PAUSE"; ((++IDLE > 600)) && sleep "\${PAUSE}0"; fi # rests after ten minutes
done
`;

const scriptPath = '/usr/local/sbin/capstan-relay';
const unitPath = '/etc/systemd/system/capstan-relay.service';

/**
 * Files and commands of every control-plane machine where the API server is private, so that a machine that is replaced
 * leaves the others reachable. They are part of the KubeadmConfig: another script replaces the machines. The identity is
 * the one that azure.json names.
 */
export function relaySetup(plan: ClusterPlan): {
  readonly files: readonly KubeadmFile[];
  readonly commands: readonly string[];
} {
  const container = relayContainerUrl(plan);
  if (container === undefined) return { files: [], commands: [] };
  const file = (path: string, permissions: string, content: string): KubeadmFile => ({
    path,
    owner: 'root:root',
    permissions,
    content,
  });
  return {
    files: [
      file(scriptPath, '0700', relayScript),
      file('/etc/capstan/relay.conf', '0600', `CONTAINER=${container}\nAPI_HOST=${plan.network.api.host}\n`),
      file(
        unitPath,
        '0644',
        `[Unit]\nAfter=network-online.target\n[Service]\nExecStart=${scriptPath}\nRestart=always\nRestartSec=5\n[Install]\nWantedBy=multi-user.target\n`,
      ),
    ],
    commands: ['systemctl daemon-reload', 'systemctl enable --now capstan-relay.service'],
  };
}
