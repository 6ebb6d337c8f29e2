// Converts the package to the form in which the Metadata API takes it, and prints what it found as JSON.
// Usage: node convert.cjs PROJECT [OUTPUT]. Unknown types, folders and suffixes end it with status 1.
'use strict';

const { readFileSync, rmSync, mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { ComponentSet, MetadataConverter } = require('@salesforce/source-deploy-retrieve');

const countByType = (components) => {
  const counts = {};
  for (const { type } of components) counts[type.name] = (counts[type.name] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort());
};

const convert = async (directory, version, outputDirectory) => {
  const components = ComponentSet.fromSource(directory);
  components.sourceApiVersion = version;
  const found = components.getSourceComponents().toArray();
  if (found.length === 0) throw new Error(`${directory}: no component`);
  const { converted } = await new MetadataConverter().convert(components, 'metadata', {
    type: 'directory',
    outputDirectory,
    genUniqueDir: false,
  });
  return { types: countByType(found), converted: converted.length };
};

const main = async () => {
  const project = resolve(process.argv[2]);
  const { packageDirectories, sourceApiVersion } = JSON.parse(readFileSync(join(project, 'sfdx-project.json'), 'utf8'));
  const output = process.argv[3] ?? mkdtempSync(join(tmpdir(), 'package-'));
  const told = {};
  try {
    for (const { path } of packageDirectories) {
      told[path] = await convert(join(project, path), sourceApiVersion, join(output, path));
    }
  } finally {
    if (!process.argv[3]) rmSync(output, { recursive: true, force: true });
  }
  console.log(JSON.stringify(told));
};

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
});
