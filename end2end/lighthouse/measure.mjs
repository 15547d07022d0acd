// Lighthouse's four marks for a phone, each page three times; what counts is the middle one. `scripts/with-server.sh` starts the server.
import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';

const WANTED = 98;
const categories = ['performance', 'accessibility', 'best-practices', 'seo'];
const { LINLI_URL: url, LINLI_SCAN: scan } = process.env;

const chrome = await launch({
  chromePath: process.env.LINLI_CHROMIUM ?? '/usr/bin/chromium',
  chromeFlags: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const middle = (marks) => marks.toSorted((a, b) => a - b)[Math.floor(marks.length / 2)];
let isShort = false;
console.log(['', ...categories].map((name) => name.padEnd(18)).join(''));
for (const path of [scan, '/', '/claim', '/sign-in']) {
  const runs = [];
  for (let i = 0; i < 3; i++) runs.push((await lighthouse(url + path, { port: chrome.port, onlyCategories: categories })).lhr);
  const marks = categories.map((name) => middle(runs.map((run) => Math.round(run.categories[name].score * 100))));
  console.log([path, ...marks.map(String)].map((cell) => cell.padEnd(18)).join(''));
  categories.forEach((name, i) => {
    if (marks[i] >= WANTED) return;
    isShort = true;
    for (const { id } of runs[0].categories[name].auditRefs) {
      const audit = runs[0].audits[id];
      if (audit.score !== null && audit.score < 0.9) console.log(`  ${name}: ${audit.title} ${audit.displayValue ?? ''}`);
    }
  });
}
chrome.kill();
process.exit(isShort ? 1 : 0);
