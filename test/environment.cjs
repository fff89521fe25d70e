'use strict';
const { TestEnvironment } = require('jest-environment-node');

/**
 * Jest runs tests in a realm of its own, while the addon, WebAssembly and Node's modules make typed arrays,
 * promises and errors of the main realm: `instanceof` and `toBeInstanceOf` would fail for them. Giving the
 * tests the main realm's constructors makes both the same.
 */
const shared = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'DataView',
  'Uint8Array',
  'Int8Array',
  'Uint8ClampedArray',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'Promise',
  'Map',
  'Set',
];

module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    /** Environment variables of the project's tests: see jest.config.js. */
    this.variables = config.projectConfig.testEnvironmentOptions.variables;
  }

  async setup() {
    await super.setup();
    for (const name of shared) this.global[name] = globalThis[name];
    Object.assign(this.global.process.env, this.variables);
  }
};
