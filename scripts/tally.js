// SPDX-License-Identifier: MIT
/**
 * `node tally.js REPORT STATUS`: what a vitest JSON report skipped, with the reasons that the names hold; its sums in one line; and
 * the exit code that goes with them. A file that failed outside of its tests (not loaded, set-up failed), and a run that failed for
 * another reason or ran nothing, are one failure each: they must not look like a pass.
 */
import { readFileSync } from "node:fs";

const [report = "", status = "1"] = process.argv.slice(2);

function readReport() {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}

const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = readReport();
const hasFailedTest = (file) => file.assertionResults.some((test) => test.status === "failed");
const outside = testResults.filter((file) => file.status === "failed" && !hasFailedTest(file));
const counted = numFailedTests + outside.length;
const skipped = numPendingTests + numTodoTests;
const nothing = numPassedTests + counted + skipped === 0;
const failed = counted === 0 && (status !== "0" || nothing) ? 1 : counted;

for (const { status: outcome, fullName } of testResults.flatMap((file) => file.assertionResults)) {
  if (outcome === "skipped" || outcome === "pending" || outcome === "todo") console.error(`skipped: ${fullName}`);
}
console.log(`${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
