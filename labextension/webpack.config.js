const { SwcJsMinimizerRspackPlugin: Minimizer } = require('@rspack/core');

// The same source gives the same bytes anywhere. Modules and chunks are named, not numbered by a hash of where they lie;
// and the entry keeps its names: it holds the hashes of the chunks, which depend on that place while it is minimized, and
// short names are given out by how often a letter occurs.
const entry = /remoteEntry/;

module.exports = {
  optimization: {
    moduleIds: 'named',
    chunkIds: 'named',
    minimizer: [
      new Minimizer({ exclude: entry }),
      new Minimizer({ include: entry, minimizerOptions: { mangle: false } })
    ]
  }
};
