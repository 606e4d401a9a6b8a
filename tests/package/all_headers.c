/* Each public header compiles alone, in C and in C++: HEADER is given on the command line. */
#include HEADER
#include HEADER

int main(void)
{
    return 0;
}
