#!/usr/bin/env node
// An external extension that prints the events that it receives.
"use strict";

const http = require("node:http");
const path = require("node:path");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function send(method, where, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, headers, path: `/2020-01-01/extension/${where}` };
    const request = http.request(options, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => resolve({ headers: response.headers, body: JSON.parse(text) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const name = path.basename(__filename);
  const events = JSON.stringify({ events: ["INVOKE", "SHUTDOWN"] });
  const registered = await send("POST", "register", { "Lambda-Extension-Name": name }, events);
  const identifier = { "Lambda-Extension-Identifier": registered.headers["lambda-extension-identifier"] };
  let event;
  while (event !== "SHUTDOWN") {
    event = (await send("GET", "event/next", identifier)).body.eventType;
    console.log(`${name} saw ${event}`);
  }
}

main();
