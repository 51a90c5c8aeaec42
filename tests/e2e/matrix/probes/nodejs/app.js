// The probe: performs the operations in the event, each `[name, argument]`, and responds with their results.
"use strict";

const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { setTimeout } = require("node:timers/promises");

const read = (path) => readFileSync(path, "utf8");

const operations = {
  read,
  environment: (name) => process.env[name] ?? null,
  library: (name) => require(name).greeting(),
  run: (program) => execFileSync(program, { encoding: "utf8" }).trim(),
  command: () => read("/proc/self/cmdline").replace(/\0$/, "").split("\0"),
  fail: (message) => {
    throw new Error(message);
  },
  wait: async (seconds) => {
    console.log("waiting");
    await setTimeout(seconds * 1000);
    return null;
  },
  fill: (number) => "x".repeat(number),
  // Characters, not the halves that a string is made of.
  length: (text) => [...text].length,
};

exports.handler = async (event) => {
  const results = [];
  for (const [name, argument] of event) {
    results.push(await operations[name](argument));
  }
  return results;
};
