import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { at, documentAt, failedDocument, managedDocument, t0 } from '../unit/start/documents.ts';
import { type FakeApi, startFakeApi } from './fake-api.ts';

const executablePath = process.env['CAPSTAN_CHROMIUM'] ?? '/usr/bin/chromium';
const present = existsSync(executablePath);
if (!present) {
  console.warn(
    `SKIPPED: the dashboard is not tested in a browser: there is no ${executablePath}. Install chromium (apt-get install chromium) or set CAPSTAN_CHROMIUM.`,
  );
}

/** Set to a folder to keep pictures of the page. */
const pictures = process.env['CAPSTAN_PICTURES'];

describe.skipIf(!present)('the dashboard', () => {
  let browser: Browser;
  let api: FakeApi;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    api = await startFakeApi(documentAt(22.5));
    api.events = [{ cursor: 'e1', type: 'step.done', at: at(19), sentence: 'Pivot: 41 objects handed over' }];
    complaints = [];
  });
  afterEach(async () => {
    await page.context().close();
    await api.close();
  });

  async function open(options: Parameters<Browser['newContext']>[0] = {}, seconds = 22.5): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.clock.setSystemTime(t0 + seconds * 1000);
    await page.goto(`${api.url}/dashboard`);
  }

  async function picture(name: string): Promise<void> {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  }

  it('shows a running cluster: list, facts, steps, zones, events and resources', async () => {
    await open();
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    expect(await page.locator('#clusters a').allTextContents()).toEqual([
      'demoProvisioningwesteurope',
      'otherAcceptedwesteurope',
    ]);
    expect(await page.locator('#steps > li').count()).toBe(12);
    expect(await page.locator('#steps > li.running .title').allTextContents()).toHaveLength(3);
    expect(await page.locator('.zone h4').allTextContents()).toEqual([
      'Zone 1 3 of 3 ready',
      'Zone 2 1 of 2 ready',
      'Zone 3 0 of 1 ready',
    ]);
    expect(await page.locator('#events').textContent()).toContain('41 objects handed over');
    expect(await page.locator('#resources summary').allTextContents()).toEqual(
      ['1 image', '1 NAT gateway', '1 virtual network'].map((text) => text.replace('NAT', 'nat')),
    );
    await picture('running-1280-light');
    expect(complaints).toEqual([]);
  });

  it('follows the cluster while it changes', async () => {
    await open();
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    api.document = documentAt(34);
    api.events = [{ cursor: 'e2', type: 'operation.done', at: at(33), sentence: 'demo is Ready' }, ...api.events];
    await page.getByRole('heading', { name: 'demo Ready' }).waitFor();
    await page.locator('#events').getByText('demo is Ready').waitFor();
    expect(await page.locator('.tile.ready').count()).toBe(8);
    expect(await page.locator('.step.critical').count()).toBe(7);
    await picture('ready-1280-light');
    expect(complaints).toEqual([]);
  });

  it('names cause and remedy of a failure, and takes text as text', async () => {
    const document = failedDocument();
    const error = { ...document.status.error!, cause: '<img src=x onerror=alert(1)>' };
    api.document = { ...document, status: { ...document.status, error } };
    await open({ colorScheme: 'dark' }, 12);
    const problem = page.getByRole('alert').filter({ hasText: 'CAP-4203' });
    await problem.waitFor();
    expect(await problem.textContent()).toContain('fix spec.image and apply again');
    expect(await problem.textContent()).toContain('<img src=x');
    expect(await page.locator('#problem img').count()).toBe(0);
    await picture('failed-1280-dark');
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('fits into 360 pixels (%s)', async (colorScheme) => {
    await open({ viewport: { width: 360, height: 740 }, colorScheme });
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(360);
    await picture(`running-360-${colorScheme}`);
  });

  it('asks for the function key once, after a 401, and keeps it for the tab', async () => {
    api.key = 'right';
    await open();
    const field = page.getByLabel('Key', { exact: true });
    await field.waitFor();
    expect(api.keysSeen).toEqual([]);
    await field.fill('right');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    expect(new Set(api.keysSeen)).toEqual(new Set(['right']));
    expect(await page.evaluate('localStorage.length')).toBe(0);
  });

  it('shows an AKS cluster, whose control plane is not its own', async () => {
    api.document = managedDocument();
    await open({}, 40);
    await page.getByRole('heading', { name: 'aks Ready' }).waitFor();
    expect(await page.locator('#facts').textContent()).toContain('5 in AKS node pools');
    expect(await page.locator('.zone h4').allTextContents()).toHaveLength(2);
    expect(complaints).toEqual([]);
  });

  it('filters by tag and says what is wrong with a filter', async () => {
    await open();
    const field = page.getByLabel('Tag');
    await field.fill('department:finance');
    await field.press('Enter');
    await expect.poll(() => page.locator('#clusters a').count()).toBe(1);
    await field.fill('nonsense');
    await field.press('Enter');
    await page.getByText('nonsense is not key:value').waitFor();
  });

  it('can be used with the keyboard alone', async () => {
    await open();
    await page.getByRole('heading', { name: 'demo Provisioning' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the cluster');
    await page.locator('#kind-image').focus();
    await page.keyboard.press('Enter');
    await page.locator('#resources').getByText('demo-image').waitFor();
    await page.locator('#cluster-other').focus();
    await page.keyboard.press('Enter');
    await page.getByText('There is no cluster other.').waitFor();
  });
});
