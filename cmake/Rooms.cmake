# What every room is compiled with, and the two functions that declare rooms and libraries.

add_library(mobilenet_flags INTERFACE)
target_compile_features(mobilenet_flags INTERFACE c_std_17)
target_compile_definitions(mobilenet_flags INTERFACE _POSIX_C_SOURCE=200809L)
# Contraction off: a multiply and an add stay two roundings unless an intrinsic says otherwise, so that the
# reference kernels give the same bits with every compiler. No errno of mathematical functions: a square root is an
# instruction, and a program that only classifies needs no libm.
target_compile_options(mobilenet_flags INTERFACE
    -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -ffp-contract=off -fno-math-errno -fvisibility=hidden
    $<$<BOOL:${MOBILENET_WERROR}>:-Werror>)
if(MOBILENET_SANITIZE)
    target_compile_options(mobilenet_flags INTERFACE -fsanitize=${MOBILENET_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(mobilenet_flags INTERFACE -fsanitize=${MOBILENET_SANITIZE})
endif()
if(MOBILENET_FUZZ)
    target_compile_options(mobilenet_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(MOBILENET_COVERAGE)
    target_compile_options(mobilenet_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(mobilenet_flags INTERFACE --coverage)
endif()

# mn_room(NAME [SMALL] SOURCES...): one folder of src/, as an object library. SMALL: nothing there is hot, and the library that
# it goes into is to stay small: base, net and native are 12 KB less with -Os than with -O3, and 8 KB less without tables
# for unwinding (nothing unwinds through them).
function(mn_room name)
    cmake_parse_arguments(arg "SMALL" "" "" ${ARGN})
    add_library(room_${name} OBJECT ${arg_UNPARSED_ARGUMENTS})
    if(arg_SMALL)
        target_compile_options(room_${name} PRIVATE "$<$<CONFIG:Release>:-Os;-fno-asynchronous-unwind-tables>")
    endif()
    target_include_directories(room_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(room_${name} PRIVATE mobilenet_flags)
    set_target_properties(room_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS OFF)
endfunction()

# mn_library(NAME ROOMS a b LINKS public... PRIVATE private...): an installed library made of rooms.
function(mn_library name)
    cmake_parse_arguments(arg "" "" "ROOMS;LINKS;PRIVATE" ${ARGN})
    set(objects)
    foreach(room IN LISTS arg_ROOMS)
        list(APPEND objects $<TARGET_OBJECTS:room_${room}>)
    endforeach()
    add_library(${name} STATIC ${objects})
    add_library(mobilenet::${name} ALIAS ${name})
    target_include_directories(${name} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${name} PUBLIC ${arg_LINKS})
    foreach(library IN LISTS arg_PRIVATE)
        target_link_libraries(${name} PRIVATE ${library})
    endforeach()
    if(MOBILENET_SANITIZE)
        target_link_options(${name} PUBLIC -fsanitize=${MOBILENET_SANITIZE})
    endif()
    if(MOBILENET_COVERAGE)
        target_link_options(${name} PUBLIC --coverage)
    endif()
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    install(TARGETS ${name} EXPORT mobilenet-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()
