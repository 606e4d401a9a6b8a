/* Options of the address and thread sanitizers for every test program: an allocation that cannot be had returns NULL, as it does
 * without a sanitizer, since the tests ask for impossible sizes on purpose. */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);

__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}
