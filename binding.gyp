# The second way to the addon, for machines without CMake: `npm run build:gyp`. Settings as in native/CMakeLists.txt, sources from the
# same list (native/sources.txt).
{
  "variables": {
    "version": "<!(node -p \"require('./package.json').version\")",
  },
  "targets": [
    {
      "target_name": "fustor_agent",
      "sources": [
        "<!@(node scripts/gyp-sources.mjs)",
      ],
      "include_dirs": [
        "native/include",
        "native/src",
        "<!(node -p \"require('node-addon-api').include_dir\")",
      ],
      "defines": [
        "NAPI_VERSION=8",
        "_LARGEFILE64_SOURCE",
        "NODE_ADDON_API_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "FUSTOR_VERSION=\"<(version)\"",
      ],
      # node-gyp's own defaults say otherwise; calls into JavaScript and std::thread report their failures by exceptions.
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++14", "-std=gnu++17", "-std=gnu++20"],
      "cflags!": ["-O3", "-Wno-unused-parameter"],
      "cflags": ["-O2", "-fvisibility=hidden", "-fvisibility-inlines-hidden"],
      "cflags_cc": ["-std=c++20"],
      "ldflags": ["-Wl,-z,nodelete", "-Wl,--version-script=<(module_root_dir)/native/addon.map", "-pthread"],
    },
  ],
}
