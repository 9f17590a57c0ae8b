// SPDX-License-Identifier: MIT
/** How src/ becomes one file, for esbuild. */
import { createRequire } from "node:module";
import { join } from "node:path";
import type { BuildOptions, Plugin } from "esbuild";

export const ROOT = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);

/** Modules of Node are loaded when something of theirs is first used: commander wants child_process, which no command does. */
const lazyBuiltins: Plugin = {
  name: "lazy builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      namespace === "builtin" ? { path, external: true } : { path, namespace: "builtin" },
    );
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => {
      const getters = Object.keys(require(path)).map((name) => `get ${name}() { return load().${name}; }`);
      const contents = `let loaded;
        const load = () => (loaded ??= require("${path}"));
        module.exports = { ${getters.join(", ")} };`;
      return { contents };
    });
  },
};

/** Names and lines stay as they are: for the stacks that --debug shows. */
export const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: "node20.17",
  format: "cjs",
  charset: "ascii",
  define: { "import.meta.url": "__filename" },
  plugins: [lazyBuiltins],
} satisfies BuildOptions;
