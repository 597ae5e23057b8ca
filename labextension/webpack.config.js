// Modules and chunks are named, not numbered by a hash of where they lie: the same source gives the same bytes anywhere.
module.exports = { optimization: { moduleIds: 'named', chunkIds: 'named' } };
