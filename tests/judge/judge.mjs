// Akash's own validator, asked once a line: {"yaml": "…"} in, a verdict out.
// One process judges hundreds of documents: Node and the SDK start only once.
// {"yaml": "…", "derive": true} asks for what the SDK makes of it instead.

import { createInterface } from "node:readline";

import {
  generateManifest,
  generateManifestVersion,
  manifestToSortedJSON,
  validateSDL,
} from "@akashnetwork/chain-sdk";
import yaml from "js-yaml";

const NETWORK = "mainnet";

function describe(error) {
  return error.message ?? String(error);
}

function manifest(document) {
  try {
    const result = generateManifest(document, NETWORK);
    return result.ok ? [] : result.value.map(describe);
  } catch (error) {
    return [describe(error)];
  }
}

function judge(text) {
  let document;
  try {
    document = yaml.load(text);
  } catch (error) {
    return { valid: false, errors: [describe(error)], manifest_ok: false, document: null };
  }
  let errors;
  try {
    errors = (validateSDL(document, NETWORK) ?? []).map(describe);
  } catch (error) {
    errors = [describe(error)];
  }
  const failures = errors.length ? ["not tried"] : manifest(document);
  return {
    valid: errors.length === 0,
    errors: [...errors, ...failures.filter((failure) => failure !== "not tried")],
    manifest_ok: failures.length === 0,
    document,
  };
}

function spoken(key, value) {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

async function derive(text) {
  const made = generateManifest(yaml.load(text), NETWORK).value;
  return {
    group_specs: JSON.parse(JSON.stringify(made.groupSpecs, spoken)),
    manifest: manifestToSortedJSON(made.groups),
    hash: Buffer.from(await generateManifestVersion(made.groups)).toString("base64"),
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const asked = JSON.parse(line);
  const answer = asked.derive ? await derive(asked.yaml) : judge(asked.yaml);
  process.stdout.write(JSON.stringify(answer) + "\n");
}
