import { assert, double, integer, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf, longestWay } from '#local/start/view/facts.ts';
import { failureLines } from '#local/start/view/failure.ts';
import { frameLines } from '#local/start/view/frame.ts';
import { createLiveView } from '#local/start/view/live.ts';
import type { Model } from '#local/start/view/model.ts';
import { createPlainView } from '#local/start/view/plain.ts';
import { summaryLines } from '#local/start/view/summary.ts';
import { columns, createPaint, duration, fit, spread } from '#local/start/view/text.ts';
import { documentAt, failedDocument, inventory, managedDocument, t0 } from './documents.ts';

const plain = createPaint(false);

function model(seconds: number | undefined, patch: Partial<Model> = {}): Model {
  const { metadata, spec } = documentAt(0);
  return {
    app: 'http://127.0.0.1:7071',
    azure: 'http://127.0.0.1:7080',
    scale: 30,
    asked: { metadata, spec },
    posted: { file: 'samples/cluster.yaml', requestId: 'start-7f3c2a' },
    parts: ['storage (Azurite)', 'simulated Azure', 'Functions host'].map((name) => ({ name, ready: true })),
    document: seconds === undefined ? undefined : documentAt(seconds),
    notes: [],
    startedAt: t0,
    ...patch,
  };
}

function frame(seconds: number | undefined, options: { width?: number; height?: number; patch?: Partial<Model> } = {}) {
  const { width = 120, height = 40, patch = {} } = options;
  return frameLines(model(seconds, patch), { now: t0 + (seconds ?? 1) * 1000, width, height, paint: plain });
}

describe('the live picture', () => {
  it('shows a run in the middle exactly', () => {
    expect(frame(22.5).join('\n')).toMatchInlineSnapshot(`
      "Capstan · embedded Functions host · simulated Azure ×30          app http://127.0.0.1:7071   azure http://127.0.0.1:7080
      posted samples/cluster.yaml to queue cluster-requests (request start-7f3c2a)

      demo · westeurope · v1.33.4 · 3 control plane + 5 workers · zones 1 2 3                                            00:22
        ✔ Preflight          0.8 s   14 checks · 37 resources to create · about 15 m on Azure
        ✔ Network            2.3 s   demo-vnet 10.0.0.0/8 · 2 subnets · 2 security groups · NAT gateway
        ✔ Identity           2.9 s   demo-identity, role propagated
        ✔ Base image         4.1 s   24 MiB of 30 GiB are data · SAS refused by st7c, used Entra ID
        ✔ Keys               0.5 s   4 authorities in capstan-kv
        ✔ Control plane      6.2 s   demo-control-plane-x2v7p in zone 1 answers
        ✔ Agent              4.2 s   cert-manager, Cluster API v1.14.0, CAPZ v1.26.0 · webhooks answer
        ✔ Pivot              2.8 s   41 objects handed over · 0 Azure writes since
        ⠴ Control plane ×3   3.4 s
        ⠴ Worker pools       3.4 s   general  zone 1 ▪▪  zone 2 ▪▫  zone 3 ▫   3 of 5
        ⠴ Add-ons            3.4 s
        · Finish                     after Control plane ×3, Worker pools, Add-ons"
    `);
  });

  it('shows what is starting before the API knows the cluster', () => {
    const parts = [
      { name: 'storage (Azurite)', ready: true },
      { name: 'simulated Azure', ready: false },
    ];
    expect(frame(undefined, { patch: { parts } }).join('\n')).toMatchInlineSnapshot(`
      "Capstan · embedded Functions host · simulated Azure ×30          app http://127.0.0.1:7071   azure http://127.0.0.1:7080
      posted samples/cluster.yaml to queue cluster-requests (request start-7f3c2a)

      demo · westeurope · v1.33.4 · 3 control plane + 5 workers · zones 1 2 3                                            00:01
        ✔ storage (Azurite)
        ⠋ simulated Azure"
    `);
  });

  it('never writes a line wider than the terminal, at any width and time', () => {
    assert(
      property(integer({ min: 20, max: 200 }), double({ min: 0, max: 40, noNaN: true }), (width, seconds) => {
        for (const line of frame(seconds, { width })) expect(columns(line)).toBeLessThanOrEqual(width);
      }),
      { numRuns: 200 },
    );
  });

  it('fits into a low terminal and keeps what is running', () => {
    const lines = frame(22.5, { height: 12 });
    expect(lines.length).toBeLessThan(12);
    expect(lines.join('\n')).toContain('Worker pools');
    expect(lines.join('\n')).toContain('8 steps done');
  });

  it('has no escape sequence without colour and the same text with it', () => {
    const options = { now: t0 + 22_500, width: 100, height: 40 };
    const without = frameLines(model(22.5), { ...options, paint: plain }).join('\n');
    const coloured = frameLines(model(22.5), { ...options, paint: createPaint(true) }).join('\n');
    expect(without).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[');
    expect(
      coloured
        .split('\u001b')
        .map((piece, index) => (index === 0 ? piece : piece.replace(/^\[\d+m/, '')))
        .join(''),
    ).toBe(without);
  });

  it('does not let control characters of a sentence reach the terminal', () => {
    const document = documentAt(2);
    const steps = document.status.steps.map((step) => ({ ...step, sentence: 'a\u001b[2Jb\u0007\nc' }));
    const patch = { document: { ...document, status: { ...document.status, steps } } };
    const text = frame(2, { patch }).join('\n');
    expect(Array.from(text).filter((sign) => sign < ' ' && sign !== '\n')).toEqual([]);
  });

  it('redraws in place and restores the cursor', () => {
    const written: string[] = [];
    const view = createLiveView({ columns: 100, rows: 30, write: (text) => written.push(text) }, plain);
    view.update(model(2), t0 + 2000);
    view.update(model(22.5), t0 + 22_500);
    view.close(model(34), t0 + 34_000, ['below']);
    expect(written[0]).toContain('\u001b[?25l');
    expect(written[1]?.split('\u001b').some((piece) => /^\[\d+A/.test(piece))).toBe(true);
    expect(written.join('')).toContain('\u001b[?25h');
    expect(written.at(-1)).toBe('\nbelow\n');
    const count = written.length;
    view.restore();
    expect(written.length).toBe(count);
  });
});

describe('plain lines', () => {
  it('say each fact once, with a timestamp', () => {
    const lines: string[] = [];
    const view = createPlainView((line) => lines.push(line));
    for (const seconds of [0, 0.5, 2, 2, 6, 13, 17, 20, 22, 22, 25, 34, 34])
      view.update(model(seconds), t0 + seconds * 1000);
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "2026-03-01T10:00:00Z Capstan · embedded Functions host · simulated Azure ×30   app http://127.0.0.1:7071   azure http://127.0.0.1:7080
      2026-03-01T10:00:00Z posted samples/cluster.yaml to queue cluster-requests (request start-7f3c2a)
      2026-03-01T10:00:00Z storage (Azurite): ready
      2026-03-01T10:00:00Z simulated Azure: ready
      2026-03-01T10:00:00Z Functions host: ready
      2026-03-01T10:00:00Z demo · westeurope · v1.33.4 · 3 control plane + 5 workers · zones 1 2 3
      2026-03-01T10:00:00Z Preflight: started
      2026-03-01T10:00:02Z Preflight: done in 0.8 s: 14 checks · 37 resources to create · about 15 m on Azure
      2026-03-01T10:00:02Z Network: started
      2026-03-01T10:00:02Z Identity: started
      2026-03-01T10:00:02Z Base image: started
      2026-03-01T10:00:02Z Keys: done in 0.5 s: 4 authorities in capstan-kv
      2026-03-01T10:00:06Z Network: done in 2.3 s: demo-vnet 10.0.0.0/8 · 2 subnets · 2 security groups · NAT gateway
      2026-03-01T10:00:06Z Identity: done in 2.9 s: demo-identity, role propagated
      2026-03-01T10:00:06Z Base image: done in 4.1 s: 24 MiB of 30 GiB are data · SAS refused by st7c, used Entra ID
      2026-03-01T10:00:06Z Control plane: started
      2026-03-01T10:00:13Z Control plane: done in 6.2 s: demo-control-plane-x2v7p in zone 1 answers
      2026-03-01T10:00:13Z Agent: started
      2026-03-01T10:00:17Z Agent: done in 4.2 s: cert-manager, Cluster API v1.14.0, CAPZ v1.26.0 · webhooks answer
      2026-03-01T10:00:17Z Pivot: started
      2026-03-01T10:00:20Z Pivot: done in 2.8 s: 41 objects handed over · 0 Azure writes since
      2026-03-01T10:00:20Z Control plane ×3: started
      2026-03-01T10:00:20Z Worker pools: started
      2026-03-01T10:00:20Z Worker pools: general zone 1 0/2, zone 2 0/2, zone 3 0/1: 0 of 5 ready
      2026-03-01T10:00:20Z Add-ons: started
      2026-03-01T10:00:22Z Worker pools: general zone 1 2/2, zone 2 1/2, zone 3 0/1: 3 of 5 ready
      2026-03-01T10:00:25Z Add-ons: done in 3.9 s: ingress, metrics
      2026-03-01T10:00:34Z Control plane ×3: done in 13 s: 3 of 3 ready
      2026-03-01T10:00:34Z Worker pools: done in 7.9 s: 5 workers in 1 pool
      2026-03-01T10:00:34Z Finish: done in 0.3 s: kubeconfig available"
    `);
    expect(new Set(lines).size).toBe(lines.length);
  });

  it('do not repeat a sentence in which only figures change', () => {
    const lines: string[] = [];
    const view = createPlainView((line) => lines.push(line));
    for (let mebibytes = 0; mebibytes <= 24; mebibytes++) {
      const document = documentAt(2);
      const steps = document.status.steps.map((step) =>
        step.id === 'image'
          ? {
              ...step,
              sentence: `Copying: ${mebibytes}.0 of 24.0 MiB`,
              progress: { done: mebibytes, total: 24, unit: 'bytes' },
            }
          : step,
      );
      view.update(model(2, { document: { ...document, status: { ...document.status, steps } } }), t0);
    }
    expect(lines.filter((line) => line.includes('Copying')).length).toBe(5);
  });
});

describe('a failure', () => {
  it('names one cause and one next step', () => {
    const document = failedDocument();
    const text = failureLines(document, failureOf(document)!, 100, plain).join('\n');
    expect(text).toMatchInlineSnapshot(`
      "✖ Control plane · CP-A did not become ready within 20 m                                     CAP-4203
        where    demo-control-plane-x2v7p · Standard_D2s_v5 · zone 1
        cause    kubeadm preflight: swap is on (serial console, line 812)
        azure    correlation 3f1e7b00-0000-4000-8000-000000000000
        kept     3 resources, listed with: GET /api/clusters/demo
        next     fix spec.image and apply again; the run continues from here. Or delete: nothing else will
                 be left."
    `);
  });

  it('stands below the steps when the operation has ended', () => {
    const text = frame(8, { patch: { document: failedDocument() } }).join('\n');
    expect(text).toContain('CAP-4203');
    expect(text).toContain('next     fix spec.image');
  });

  it('takes cause and remedy from the registry when the error has none', () => {
    const document = documentAt(34, { error: { code: 'CAP-2005', message: 'Too few cores' } });
    const text = failureLines(document, failureOf(document)!, 400, plain).join('\n');
    expect(text).toContain('Ask for a higher quota');
  });
});

describe('the summary', () => {
  it('shows nodes per zone, add-ons, resources, time and where to look next', () => {
    const resources = [
      ...inventory.map(({ id }) => ({ id: id.toLowerCase(), type: id.split('/').slice(6, 8).join('/') })),
      ...[1, 2].map((n) => ({
        id: `/vm/${n}`,
        type: 'Microsoft.Compute/virtualMachines',
        tags: { 'sigs.k8s.io_cluster-api-provider-azure_cluster_demo': 'owned' },
      })),
      { id: '/foreign', type: 'Microsoft.Network/publicIPAddresses', tags: {} },
    ];
    const options = {
      app: 'http://127.0.0.1:7071',
      scale: 30,
      resources,
      expectedSeconds: 30,
      width: 110,
      paint: plain,
    };
    expect(summaryLines(documentAt(34), options).join('\n')).toMatchInlineSnapshot(`
      "✔ demo is Ready · https://demo-1234abcd.westeurope.cloudapp.azure.com:6443                               00:32
        nodes       control plane  zone 1 ▪  zone 2 ▪  zone 3 ▪     3 of 3 ready
                    general        zone 1 ▪▪  zone 2 ▪▪  zone 3 ▪   5 of 5 ready
        add-ons     ingress, metrics
        azure       5 resources: 2 virtual machines · 1 image · 1 nat gateway · 1 virtual network
        elapsed     33 s, critical path 30 s (15 m on Azure) · longest on the way: Control plane ×3 13 s, Control
                    plane 6.2 s, Agent 4.2 s
        kubeconfig  curl -s http://127.0.0.1:7071/api/clusters/demo/kubeconfig > demo.kubeconfig
                    kubectl --kubeconfig demo.kubeconfig get nodes
        dashboard   http://127.0.0.1:7071/dashboard"
    `);
  });

  it('has no control plane where AKS runs it, in the picture and in the end', () => {
    const document = managedDocument();
    const options = { app: 'http://a', scale: 30, expectedSeconds: undefined, width: 110, paint: plain };
    const address = {
      id: '/mc/ip',
      type: 'Microsoft.Network/publicIPAddresses',
      tags: { 'sigs.k8s.io_cluster-api-provider-azure_cluster_aks': 'owned' },
    };
    const text = summaryLines(document, { ...options, resources: [address] }).join('\n');
    expect(text).toContain('nodes       system  zone 1 ▪  zone 2 ▪   2 of 2 ready');
    expect(text).toContain('1 resource: 1 public IP address\n');
    expect(text).not.toContain('control plane');
    expect(frame(34, { patch: { document } }).join('\n')).toContain('aks · westeurope · v1.33.4 · AKS · 5 nodes');
  });

  it('finds the way that decided how long it took', () => {
    const way = longestWay(documentAt(34).status.steps).map(({ step }) => step.id);
    expect(way).toEqual(['preflight', 'image', 'controlPlane', 'agent', 'pivot', 'controlPlaneScale', 'finish']);
  });
});

describe('text', () => {
  it('is cut to its width with colours closed', () => {
    const paint = createPaint(true);
    assert(
      property(string(), string(), integer({ min: 1, max: 40 }), (a, b, width) => {
        const text = fit(`${paint.bad(a)}${paint.dim(b)}`, width);
        expect(columns(text)).toBeLessThanOrEqual(width);
      }),
    );
    expect(fit(paint.good('abcdef'), 3)).toBe('\u001b[32mab…\u001b[39m');
  });

  it('keeps the right-hand text at the edge', () => {
    expect(spread('left', 'right', 20)).toBe('left           right');
    expect(spread('a very long left text', 'right', 20)).toBe('a very long l… right');
  });

  it('says durations as people do', () => {
    expect([0, 840, 9_960, 42_400, 185_000, 3_900_000].map(duration)).toEqual([
      '0.0 s',
      '0.8 s',
      '10 s',
      '42 s',
      '3 m 05 s',
      '1 h 05 m',
    ]);
  });
});
