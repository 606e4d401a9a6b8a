# find_package(mobilenet) and pkg-config for users. Libraries install themselves in mn_library().
include(CMakePackageConfigHelpers)

install(DIRECTORY include/mobilenet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mobilenet)
install(EXPORT mobilenet-targets NAMESPACE mobilenet:: DESTINATION ${config_dir})
configure_package_config_file(cmake/mobilenet-config.cmake.in ${CMAKE_BINARY_DIR}/mobilenet-config.cmake
    INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/mobilenet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/mobilenet-config.cmake ${CMAKE_BINARY_DIR}/mobilenet-config-version.cmake
    DESTINATION ${config_dir})

# mn_pkgconfig(NAME DESCRIPTION REQUIRES public modules, REQUIRES_PRIVATE system modules, LIBS_PRIVATE flags).
# The prefix is found from where the file lies, so that `cmake --install --prefix` and moved copies work.
# The libraries are static, so `pkg-config --static --libs NAME` gives the whole link line.
function(mn_pkgconfig pc_name pc_description pc_requires pc_requires_private pc_libs_private)
    file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
    configure_file(cmake/pkgconfig.pc.in ${CMAKE_BINARY_DIR}/${pc_name}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${pc_name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

mn_pkgconfig(mobilenet "classify with MobileNets" "" "jansson" "-lpthread -lm")
mn_pkgconfig(mobilenet-import "read TensorFlow Lite and Keras models" "mobilenet" "jansson zlib" "")
if(MOBILENET_IMAGE)
    mn_pkgconfig(mobilenet-image "decode pictures" "mobilenet" "libjpeg libpng libwebp libexif" "")
    mn_pkgconfig(mobilenet-train "data sets and training" "mobilenet mobilenet-image" "zlib" "")
endif()

# The model that classify uses where none is named.
install(FILES models/default.safetensors DESTINATION ${CMAKE_INSTALL_DATADIR}/mobilenet)
