// How the programs here reach the server: one client per transport, and what was asked of the SDK about itself.
import { Kinesis } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { createRequire } from "node:module";

// HTTP/2 is what this SDK speaks for Kinesis unless it is told otherwise, so those two tell it nothing.
const TRANSPORTS = {
  "h2c": { scheme: "http:", protocol: "h2", settings: () => ({}) },
  "h2-tls": { scheme: "https:", protocol: "h2", settings: () => ({}) },
  "http1": { scheme: "http:", protocol: "http/1.1", settings: () => ({ requestHandler: new NodeHttpHandler() }) },
  "http1-tls": { scheme: "https:", protocol: "http/1.1", settings: () => ({ requestHandler: new NodeHttpHandler() }) },
};

/** The version that is installed. (The user agent of 3.1143.0 names the release before it.) */
export const VERSION = createRequire(import.meta.url)("@aws-sdk/client-kinesis/package.json").version;

/** A client as an application would build it, but for the endpoint; fails where it would not use the transport. */
export function connect(settings = {}) {
  const { FANLIGHT_ENDPOINT: endpoint, FANLIGHT_TRANSPORT: name } = process.env;
  const transport = TRANSPORTS[name];
  if (!transport) throw new Error(`FANLIGHT_TRANSPORT is one of ${Object.keys(TRANSPORTS).join(", ")}, not ${name}`);
  if (new URL(endpoint).protocol !== transport.scheme) throw new Error(`${name} does not go to ${endpoint}`);
  const client = new Kinesis({ endpoint, ...transport.settings(), ...settings });
  const spoken = client.config.requestHandler.metadata.handlerProtocol;
  if (spoken !== transport.protocol) throw new Error(`${name}: the SDK speaks ${spoken}, not ${transport.protocol}`);
  return client;
}
