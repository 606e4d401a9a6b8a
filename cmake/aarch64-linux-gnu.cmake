# Toolchain for 64-bit ARM from another machine: Debian's cross compiler, the libraries in a folder that
# tools/cross-aarch64.sh fills, and QEMU to run what was built. MOBILENET_AARCH64_SYSROOT (environment) names another
# folder; CC (environment) another compiler: clang is told what to build for.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
if(DEFINED ENV{MOBILENET_AARCH64_SYSROOT})
    set(CMAKE_SYSROOT $ENV{MOBILENET_AARCH64_SYSROOT})
else()
    cmake_path(SET CMAKE_SYSROOT NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot)
endif()
if(DEFINED ENV{CC})
    set(CMAKE_C_COMPILER $ENV{CC})
else()
    set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
endif()
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu) # clang reads it, gcc does not
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

find_program(MOBILENET_QEMU_AARCH64 NAMES qemu-aarch64-static qemu-aarch64)
if(MOBILENET_QEMU_AARCH64)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${MOBILENET_QEMU_AARCH64} -L ${CMAKE_SYSROOT})
endif()
