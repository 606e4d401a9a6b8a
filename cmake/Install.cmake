# find_package(mobilenet) and pkg-config for users.
install(DIRECTORY include/mobilenet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
