#!/usr/bin/env node
// An external extension that says what it is told.
"use strict";

const http = require("node:http");
const path = require("node:path");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function ask(method, where, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, headers, path: `/2020-01-01/extension/${where}` };
    const request = http.request(options, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ headers: answer.headers, body: JSON.parse(text) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const name = path.basename(__filename);
  const events = JSON.stringify({ events: ["INVOKE", "SHUTDOWN"] });
  const registered = await ask("POST", "register", { "Lambda-Extension-Name": name }, events);
  const identifier = { "Lambda-Extension-Identifier": registered.headers["lambda-extension-identifier"] };
  let told;
  while (told !== "SHUTDOWN") {
    told = (await ask("GET", "event/next", identifier)).body.eventType;
    console.log(`${name} saw ${told}`);
  }
}

main();
