// How the programs here reach the server: a client of the transport they are told to use.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Kinesis } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const http1 = () => ({ requestHandler: new NodeHttpHandler() });
// HTTP/2 is what this SDK speaks for Kinesis unless it is told otherwise, so those two tell it nothing.
const byDefault = () => ({});
const TRANSPORTS = {
  h2c: { scheme: "http:", protocol: "h2", settings: byDefault },
  "h2-tls": { scheme: "https:", protocol: "h2", settings: byDefault },
  http1: { scheme: "http:", protocol: "http/1.1", settings: http1 },
  "http1-tls": { scheme: "https:", protocol: "http/1.1", settings: http1 },
};

/** The version that is installed. (The user agent of 3.1143.0 names the release before it.) */
export const VERSION = createRequire(import.meta.url)("@aws-sdk/client-kinesis/package.json").version;

/** A client as an application builds it, but for the endpoint. Fails if it would speak something else. */
export function connect(settings = {}) {
  const { FANLIGHT_ENDPOINT: endpoint, FANLIGHT_TRANSPORT: name } = process.env;
  const transport = TRANSPORTS[name];
  assert.ok(transport, `FANLIGHT_TRANSPORT is one of ${Object.keys(TRANSPORTS).join(", ")}, not ${name}`);
  assert.equal(new URL(endpoint).protocol, transport.scheme, `${name} does not go to ${endpoint}`);
  const client = new Kinesis({ endpoint, ...transport.settings(), ...settings });
  assert.equal(client.config.requestHandler.metadata.handlerProtocol, transport.protocol);
  return client;
}
