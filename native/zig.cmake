# Toolchain of scripts/package/build-prebuilt.mjs: zig compiles for FUSTOR_ZIG_TARGET with C and C++ libraries of its own, so that the addon runs
# on old systems and needs no C++ library there. FUSTOR_ZIG_TOOLS is a folder with the programs zig-c++, zig-ar and zig-ranlib.
set(CMAKE_SYSTEM_NAME Linux)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FUSTOR_ZIG_TARGET FUSTOR_ZIG_TOOLS)
set(CMAKE_CXX_COMPILER ${FUSTOR_ZIG_TOOLS}/zig-c++)
set(CMAKE_AR ${FUSTOR_ZIG_TOOLS}/zig-ar)
set(CMAKE_RANLIB ${FUSTOR_ZIG_TOOLS}/zig-ranlib)
# -O2 here, too: zig compiles its C++ library once per kind of flags.
set(CMAKE_CXX_FLAGS_INIT "-target ${FUSTOR_ZIG_TARGET} -O2")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-s")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-s")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
