#include <stdio.h>

#include "mobilenet/mobilenet.h"

int main(void)
{
    printf("mobilenet %s\n", mn_version());
    return 0;
}
