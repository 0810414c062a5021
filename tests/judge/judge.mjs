// Akash's own validator, asked once a line: {"yaml": "…"} in, a verdict out.
// One process judges hundreds of documents: Node and the SDK start only once.

import { createInterface } from "node:readline";

import { generateManifest, validateSDL } from "@akashnetwork/chain-sdk";
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

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(JSON.stringify(judge(JSON.parse(line).yaml)) + "\n");
}
