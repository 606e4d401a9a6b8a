/* Files that tests use and the project does not hold. */
#ifndef TEST_ASSETS_H
#define TEST_ASSETS_H

/* Path of a file or folder below the assets folder, or NULL where it is absent. One static buffer a call site
 * suffices: the result lives until the 16th next call. */
const char *test_asset(const char *relative);

/* Ends the program with 77 ("skipped" for ctest), saying what is missing, unless the asset is there. */
void test_require_asset(const char *relative);

/* Path of a file in the source tree, for instance "tests/image/golden.bin". Same lifetime as above. */
const char *test_source(const char *relative);

#endif
