#!/bin/sh
# Every public header compiles alone, twice included, as C17 and as C++. usage: headers.sh SOURCE_DIR CC CXX
set -eu
source=$1
for header in "$source"/include/mobilenet/*.h; do
    name=mobilenet/$(basename "$header")
    $2 -std=c17 -Wall -Wextra -Werror -pedantic -fsyntax-only -I "$source/include" "-DHEADER=\"$name\"" \
        "$source/tests/package/all_headers.c"
    $3 -x c++ -std=c++11 -Wall -Wextra -Werror -pedantic -fsyntax-only -I "$source/include" "-DHEADER=\"$name\"" \
        "$source/tests/package/all_headers.c"
    echo "$name compiles alone, in C and in C++"
done
