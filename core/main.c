/* main.c: the program. Everything is in core/cli. */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return tu_cli_main(argc, argv);
}
