// Adds up vitest's JSON reports and prints the closing line `N passed, N failed, N skipped`. Exits 1 when a report is
// missing, a test failed or none ran.
import { existsSync, readFileSync } from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };
let missing = 0;
for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    missing++;
    console.error(`no report: ${file}`);
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += report.numPassedTests;
  // A file that could not be loaded fails without a test of its own.
  total.failed +=
    report.numFailedTests +
    report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length;
  total.skipped += report.numPendingTests + (report.numTodoTests ?? 0);
}
console.log(`${total.passed} passed, ${total.failed + missing} failed, ${total.skipped} skipped`);
process.exitCode = total.failed + missing > 0 || total.passed === 0 ? 1 : 0;
