//! What modules of Node.js export.

use super::shown;
use crate::exports::node::Format::{CommonJs, EsModule};
use crate::exports::{Exports, node};

/// What the TypeScript compiler makes of `export const handler = ...; export { other } from './lib'`.
const OF_TYPESCRIPT: &str = r#""use strict";
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.other = exports.handler = void 0;
const core_1 = __importDefault(require("@middy/core"));
const handler = async (event) => { return {}; };
exports.handler = (0, core_1.default)(handler);
var lib_1 = require("./lib");
Object.defineProperty(exports, "other", { enumerable: true, get: function () { return lib_1.other; } });
"#;

/// What the TypeScript compiler makes of `export * from './lib'`.
const STAR_OF_TYPESCRIPT: &str = r#""use strict";
var __exportStar = (this && this.__exportStar) || function(m, exports) {
    for (var p in m) if (p !== "default" && !Object.prototype.hasOwnProperty.call(exports, p)) __createBinding(exports, m, p);
};
Object.defineProperty(exports, "__esModule", { value: true });
__exportStar(require("./lib"), exports);
"#;

/// What esbuild makes with `--format=cjs --bundle`.
const OF_ESBUILD: &str = r#""use strict";
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __commonJS = (cb, mod) => function __require() {
  return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
};
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// node_modules/ms/index.js
var require_ms = __commonJS({
  "node_modules/ms/index.js"(exports2, module2) {
    module2.exports = function() { return this; };
  }
});
// node_modules/other/index.js
var require_other = __commonJS({
  "node_modules/other/index.js"(exports, module) {
    module.exports = require_ms();
    for (const name in x) exports[name] = x[name];
  }
});

// app.ts
var app_exports = {};
__export(app_exports, {
  handler: () => handler,
  other: () => other
});
module.exports = __toCommonJS(app_exports);
var handler = async () => require_ms()(1);
var other = 1;
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  handler,
  other
});
"#;

/// What esbuild adds for `export * from 'lib'`.
const STAR_OF_ESBUILD: &str = "var app_exports = {};
__export(app_exports, { handler: () => handler });
module.exports = __toCommonJS(app_exports);
__reExport(app_exports, require('lib'), module.exports);
0 && (module.exports = { handler, ...require('lib') });
";

/// What SWC makes of `export const handler`.
const OF_SWC: &str = r#""use strict";
Object.defineProperty(exports, "__esModule", { value: true });
function _export(target, all) {
    for(var name in all)Object.defineProperty(target, name, { enumerable: true, get: all[name] });
}
_export(exports, { get handler () { return handler; }, other: function() { return other; } });
"#;

/// What Babel makes of `export const handler` and `export * from './lib'`.
const OF_BABEL: &str = r#""use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.handler = exports["default"] = void 0;
function _interopRequireDefault(e) { return e && e.__esModule ? e : { "default": e }; }
var handler = exports.handler = async () => {};
var _default = exports["default"] = handler;
"#;
const STAR_OF_BABEL: &str = r#"var _lib = require("./lib");
Object.keys(_lib).forEach(function (key) {
  if (key in exports && exports[key] === _lib[key]) return;
  Object.defineProperty(exports, key, { enumerable: true, get: function () { return _lib[key]; } });
});
"#;

/// What webpack makes with `libraryTarget: 'commonjs2'`, in two versions.
const OF_WEBPACK_5: &str = "/******/ (() => { // webpackBootstrap
/******/ var __webpack_modules__ = ({ 1: ((module, exports, __webpack_require__) => { module.exports = 1; }) });
/******/ var __webpack_exports__ = {};
module.exports = __webpack_exports__;
/******/ })();
";
const OF_WEBPACK_4: &str =
    "(function(e, a) { for(var i in a) e[i] = a[i]; }(exports, /******/ (function(modules) {
 return modules; })([])));";

#[test]
fn assignments_to_exports_are_the_names_of_a_module_of_common_js() {
    for (text, names) in [
        ("", ""),
        ("#!/usr/bin/env node\n'use strict'\nexports.handler = async (event) => {}\n", "handler"),
        ("module.exports.handler = async () => {}", "handler"),
        ("exports.handler = exports.other = (event, context, callback) => callback()", "handler other"),
        (
            "exports['a'] = 1; module.exports[\"b\"] = 2; module.exports = { 'c': 3, d, e() {}, async f() {}, 5: 6 }",
            "5 a b c d e f",
        ),
        (
            "module.exports = { handler: async () => {}, // comment\n get other() { return 1 } }",
            "handler other",
        ),
        ("exports = module.exports = { handler }", "handler"),
        ("module.exports = exports = { handler }", "handler"),
        // The module keeps the object that it had.
        ("exports = { handler }", ""),
        // A function has no handler in it.
        ("module.exports = async (event) => ({ statusCode: 200 })", ""),
        ("module.exports = function () {}\nmodule.exports.handler = module.exports", "unknowable"),
        ("module.exports = (event) => 1\nmodule.exports.handler = 1", "handler"),
        ("this.handler = () => {}", "handler"),
        (
            "function f() { this.other = 1 }\nclass A { x = this.y; z() { return this.w } }\nexports.handler = f",
            "handler",
        ),
        ("if (x) { exports.a = 1 } else { exports.b = 1 }\nsetTimeout(() => { exports.c = 1 })", "a b c"),
        ("Object.defineProperty(exports, 'handler', { value: 1 })", "handler"),
        ("if (require.main === module) { main() }\nexports.handler = module.parent ? 1 : 2", "handler"),
        ("if (typeof module !== 'undefined') exports.handler = 1", "handler"),
        ("(function (exports) { exports.inner = 1; exports[x] = 2 })({})\nexports.handler = 1", "handler"),
        ("const run = (exports, module) => { module.exports = x }\nexports.handler = run", "handler"),
        ("handler = async () => {}", ""),
        ("const a = b?.c ?? d; exports.handler = /[/]'/.test(`${a}`) ? 1 : 2", "handler"),
        (
            "const serverless = require('serverless-http')\nmodule.exports.handler = serverless(app)",
            "handler",
        ),
        ("const { handler } = require('./lib')\nmodule.exports = { handler }", "handler"),
        ("exports.handler = middy(async () => {}).use(x)\nexports.other = exports.handler", "handler other"),
        ("x.exports = 1; ({ exports: 1 }).exports; exports.handler = mod.exports", "handler"),
        (OF_TYPESCRIPT, "__esModule handler other"),
        (OF_ESBUILD, "handler other"),
        (OF_SWC, "__esModule handler other"),
        (OF_BABEL, "__esModule default handler"),
        ("(()=>{var e=1;exports.handler=async()=>e})();", "handler"),
    ] {
        assert_eq!(shown(&node::exports(text, CommonJs)), names, "{text}");
    }
}

#[test]
fn what_may_export_other_names_is_unknowable() {
    for text in [
        STAR_OF_TYPESCRIPT,
        STAR_OF_ESBUILD,
        STAR_OF_BABEL,
        OF_WEBPACK_4,
        OF_WEBPACK_5,
        "module.exports = require('./lib')",
        "module.exports = app",
        "module.exports = new App()",
        "module.exports = class { static handler() {} }",
        "module.exports = { ...lib }",
        "module.exports = { [name]: 1 }",
        "module.exports = { __proto__: lib }",
        "module.exports = x ? { a } : { b }",
        "module.exports ||= {}",
        "exports = module.exports = new App()",
        "Object.assign(exports, lib)",
        "Object.assign(module.exports, { handler })",
        "Object.defineProperty(exports, name, {})",
        "Object.defineProperties(exports, lib)",
        "for (const k in lib) exports[k] = lib[k]",
        "exports[`handler`] = 1",
        "exports.__proto__ = lib",
        "const e = exports; e.handler = 1",
        "const { exports: e } = module",
        "const m = module; m.exports = x",
        "[module.exports] = [lib]",
        "module['ex' + 'ports'] = lib",
        "register(module)",
        "fill(exports)",
        "fill({ exports })",
        "fill(...[exports])",
        "(function () { this.handler = 1 }).call(this)",
        "(() => { fill(this) })()",
        "this[name] = 1",
        "fill(arguments[0])",
        "eval('exports.handler = 1')",
        "new Function('e', 'e.handler = 1')(x)",
        "require.cache[__filename].exports = lib",
        "process.mainModule.exports = lib",
        "var exports = {}",
        "with (module) { exports = lib }",
        "(function (e) { e.handler = 1 })(exports)",
        "!function (e, t) { e.exports = t() }(module, () => lib)",
        "var app_exports = {};\nfill(app_exports);\nmodule.exports = __toCommonJS(app_exports);",
        "__export(app_exports, all);\nmodule.exports = __toCommonJS(app_exports);",
        "__export(require('./lib'))\nfunction __export(m) { for (var p in m) exports[p] = m[p]; }",
        // Of ES modules, of TypeScript, or of a template.
        "export const handler = 1",
        "import x from 'y'\nexports.handler = x",
        "const handler: Handler = async () => {}\nexports.other = 1",
        "exports.handler = {{ name }}",
        "exports.handler = (",
    ] {
        assert_eq!(node::exports(text, CommonJs), Exports::Unknowable, "{text}");
    }
}

#[test]
fn export_statements_are_the_names_of_an_es_module() {
    for (text, names) in [
        ("", ""),
        ("export const handler = async () => {}\nawait init()", "handler"),
        ("export let a = 1, b\nexport var { c, d: e, ...f } = x, [g = 1, h] = y", "a b c e f g h"),
        (
            "export async function handler() {}\nexport function* other() {}\nexport class Shop {}",
            "Shop handler other",
        ),
        ("export default async function handler() {}", "default"),
        ("export default { handler }", "default"),
        ("export { handler } from './lib.mjs'\nexport { a as b, default as c } from 'd'", "b c handler"),
        ("const handler = 1\nexport { handler, /* comment */ handler as 'other' }", "handler other"),
        ("export { default } from './lib.mjs'\nexport * as lib from './lib.mjs'", "default lib"),
        ("export{e as handler,t as other};", "handler other"),
        ("export * from './lib.mjs'", "unknowable"),
        ("export*from'./lib.mjs';export const handler=1", "unknowable"),
        // There are no such objects in an ES module.
        ("exports.handler = 1\nmodule.exports = lib", ""),
        (
            "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\nexport const handler = require('./x').handler",
            "handler",
        ),
        ("var app = () => 1;\nexport {\n  app as handler\n};\n", "handler"),
        ("export const handler: Handler = 1", "unknowable"),
    ] {
        assert_eq!(shown(&node::exports(text, EsModule)), names, "{text}");
    }
}
