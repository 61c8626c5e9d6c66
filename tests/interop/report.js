// What is said of scenarios: how each went, and in the last line how many there were, which run.sh adds up.
"use strict";

const PATIENCE = 30_000;

// Runs them one after the other: each is a name, a function that gives the number of messages, and perhaps a
// remark for when it went well. Gives how many failed.
async function report(who, scenarios) {
  let messages = 0, failed = 0;
  for (const [name, run, ...remark] of scenarios) {
    let timer;
    const late = new Promise((_, no) => { timer = setTimeout(no, PATIENCE, Error(`not done within ${PATIENCE / 1000} s`)); });
    try {
      messages += await Promise.race([run(), late]);
      console.log([`${who}: ok      ${name}`, ...remark].join(": "));
    } catch (error) {
      failed++;
      console.log(`${who}: FAILED  ${name}: ${error.message}`);
    }
    clearTimeout(timer);
  }
  console.log(`${who}: ${scenarios.length} scenarios, ${messages} messages, ${failed} failed`);
  return failed;
}

module.exports = { report };
