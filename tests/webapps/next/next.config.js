// A development server that says nothing to anybody and needs nothing from outside.
module.exports = { reactStrictMode: false, optimizeFonts: false, experimental: { cpus: 1, workerThreads: false } };
