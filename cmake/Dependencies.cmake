# Libraries of others, all from the system. tools/install-deps.sh installs them on Debian.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
if(MOBILENET_IMAGE)
    pkg_check_modules(image_codecs REQUIRED IMPORTED_TARGET libjpeg libpng libwebp libexif)
endif()
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
if(MOBILENET_TESTS)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
    pkg_check_modules(hdf5 IMPORTED_TARGET hdf5) # writes the files that the Keras reader is tested with
endif()
