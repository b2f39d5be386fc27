// The suite's own client, against one base URL: prints every test's kind, dependencies and result as JSON.
//   node run.mjs DIRECTORY-OF-THE-SUITE BASE-URL [TEST-ID]
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const [directory, base, only] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.join(directory, file)).href)
const { default: suites } = await load('tests/index.mjs')
const { default: surrogate } = await load('tests/surrogate-control.mjs')
const { runTests, getResults } = await load('client/runner.mjs')
const fetch = createRequire(path.join(directory, 'package.json'))('node-fetch')

const chosen = [...suites, surrogate]
  .map(suite => ({ ...suite, tests: suite.tests.filter(test => !only || test.id === only) }))
if (only) chosen.forEach(suite => suite.tests.forEach(test => { test.dump = true }))
await runTests(chosen, fetch, false, base)
const results = getResults()
const tests = {}
for (const suite of chosen) {
  for (const test of suite.tests) {
    if (test.browser_only) continue
    tests[test.id] = {
      kind: test.kind || 'required',
      depends_on: test.depends_on || [],
      result: results[test.id] === undefined ? null : results[test.id]
    }
  }
}
console.log((only ? '\n' : '') + JSON.stringify(tests))
